//! Users as Entra ID sends them, 1.5 KB each; the same number is always the same user.

use std::fmt::Write;

const GIVEN: [&str; 24] = [
    "Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Leslie", "Tony", "Frances", "Ken",
    "Dennis", "Margaret", "John", "Shafi", "Silvio", "Adele", "Robin", "Niklaus", "Kathleen", "Butler",
    "Jean", "Joan", "Vint",
];
const FAMILY: [&str; 25] = [
    "Lovelace",
    "Hopper",
    "Turing",
    "Dijkstra",
    "Liskov",
    "Knuth",
    "Perlman",
    "Lamport",
    "Hoare",
    "Allen",
    "Thompson",
    "Ritchie",
    "Hamilton",
    "McCarthy",
    "Goldwasser",
    "Micali",
    "Goldberg",
    "Milner",
    "Wirth",
    "Booth",
    "Lampson",
    "Bartik",
    "Clarke",
    "Cerf",
    "Naur",
];
const TITLE: [&str; 7] = [
    "Engineer",
    "Senior Engineer",
    "Accountant",
    "Nurse",
    "Area Sales Manager",
    "Counsel",
    "Head of Logistics",
];
const DEPARTMENT: [&str; 6] =
    ["Research and Development", "Finance", "Occupational Health", "Sales EMEA", "Legal", "Logistics"];

fn pick<'a>(from: &[&'a str], number: usize) -> &'a str {
    from.get(number % from.len()).copied().unwrap_or_default()
}

/// The user name of a user.
pub(crate) fn user_name(number: usize) -> String {
    let (given, family) = (pick(&GIVEN, number), pick(&FAMILY, number));
    format!("{given}.{family}.{number:06}@contoso-industries.example").to_lowercase()
}

/// Questions of one message.
pub(crate) const QUESTIONS: usize = 100;
/// What is done to things.
pub(crate) const ACTION: &str = "things.read";

/// What a service asks: may this user read that thing?
pub(crate) fn evaluation(user: &str, thing: usize) -> String {
    format!(
        r#"{{"subject":{{"type":"user","id":"{user}"}},"action":{{"name":"{ACTION}"}},"resource":{{"type":"thing","id":"thing-{thing}"}}}}"#
    )
}

/// Many such questions.
pub(crate) fn evaluations<'a>(asked: impl Iterator<Item = (&'a str, usize)>) -> String {
    let items: Vec<String> = asked.map(|(user, thing)| evaluation(user, thing)).collect();
    format!(r#"{{"evaluations":[{}]}}"#, items.join(","))
}

/// What a client POSTs for a user.
pub(crate) fn user(number: usize) -> String {
    let (given, family) = (pick(&GIVEN, number), pick(&FAMILY, number));
    let (title, department) = (pick(&TITLE, number), pick(&DEPARTMENT, number));
    let name = user_name(number);
    let mail = name.replace('@', "@mail.");
    let (line, street, manager) = (number % 10_000, 1 + number % 240, number % 1_000);
    let mut out = String::with_capacity(1_600);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"7d0c61ae-93f2-4b55-8e1d-{number:012x}","userName":"{name}","active":true,"displayName":"{given} {family}","nickName":"{given}","profileUrl":"https://people.contoso-industries.example/{name}","title":"{title}","userType":"Employee","preferredLanguage":"en-GB","locale":"en-GB","timezone":"Europe/London","name":{{"formatted":"{given} B. {family}","familyName":"{family}","givenName":"{given}","middleName":"Byron"}},"emails":[{{"primary":true,"type":"work","value":"{name}"}},{{"type":"other","value":"{mail}"}}],"phoneNumbers":[{{"type":"work","value":"+44 20 7946 {line:04}"}},{{"type":"mobile","value":"+44 7700 9{number:06}"}}],"addresses":[{{"type":"work","primary":true,"formatted":"{street} Silicon Roundabout, Building 7, Floor 3\nLondon EC1Y 1BE\nUnited Kingdom","streetAddress":"{street} Silicon Roundabout, Building 7, Floor 3","locality":"London","region":"Greater London","postalCode":"EC1Y 1BE","country":"GB"}}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{{"employeeNumber":"E{number:07}","costCenter":"CC-4711","organization":"Contoso Industries Limited","division":"Industrial Automation","department":"{department}","manager":{{"value":"01970000-0000-7000-8000-00000000{manager:04}"}}}}}}"#
    );
    out
}

/// What a client POSTs for a group.
pub(crate) fn group<'a>(name: &str, members: impl Iterator<Item = &'a str>) -> String {
    let mut out = format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"{name}","members":["#
    );
    for (number, member) in members.enumerate() {
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(out, r#"{comma}{{"value":"{member}"}}"#);
    }
    out.push_str("]}");
    out
}

/// A PATCH of one operation. `rest` is what follows `"op":"…"`.
pub(crate) fn patch(op: &str, rest: &str) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"{op}",{rest}}}]}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_json_of_the_size_it_is_said_to_be() {
        for number in [0, 7, 99_999, 1_000_000] {
            let user = user(number);
            let parsed: serde_json::Value = serde_json::from_str(&user).unwrap();
            assert_eq!(parsed["userName"], user_name(number));
            assert!((1_400..1_800).contains(&user.len()), "{} bytes", user.len());
        }
    }

    #[test]
    fn a_group_is_json() {
        let group: serde_json::Value = serde_json::from_str(&group("g", ["a", "b"].into_iter())).unwrap();
        assert_eq!(group["members"][1]["value"], "b");
    }
}
