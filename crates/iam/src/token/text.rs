//! What the caller holds: how it is written, and what it says of itself.

use data_encoding::{BASE32_NOPAD, Encoding};
use store::TenantId;

use crate::cx::TokenKind;

const CHECKSUM_LENGTH: usize = 7;

/// What the caller holds, as text: a prefix, a payload, a checksum.
pub(super) fn print(kind: TokenKind, tenant: TenantId, random: &[u8; 32]) -> String {
    let payload = [tenant.0.to_be_bytes().as_slice(), random].concat();
    let head = format!("dw_{}_{}", kind.as_str(), lower().encode(&payload));
    let checksum = lower().encode(&crc32fast::hash(head.as_bytes()).to_be_bytes());
    head + &checksum
}

fn lower() -> Encoding {
    let mut specification = BASE32_NOPAD.specification();
    specification.symbols.make_ascii_lowercase();
    specification.encoding().unwrap_or(BASE32_NOPAD)
}

/// The tenant of a token, if the text is one by its looks.
pub(super) fn parse(text: &str) -> Option<TenantId> {
    static LOWER: std::sync::LazyLock<Encoding> = std::sync::LazyLock::new(lower);
    const LENGTH_MAX: usize = 100;
    if text.len() > LENGTH_MAX || !text.starts_with("dw_") {
        return None;
    }
    let (head, checksum) = text.split_at_checked(text.len().checked_sub(CHECKSUM_LENGTH)?)?;
    let checksum: [u8; 4] = LOWER.decode(checksum.as_bytes()).ok()?.try_into().ok()?;
    if checksum != crc32fast::hash(head.as_bytes()).to_be_bytes() {
        return None;
    }
    let payload = LOWER.decode(head.rsplit('_').next()?.as_bytes()).ok()?;
    let (tenant, _) = payload.split_first_chunk::<8>()?;
    Some(TenantId(i64::from_be_bytes(*tenant)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_kind_and_its_tenant_and_checks_itself() {
        let token = print(TokenKind::Scim, TenantId(7), &[9; 32]);
        assert!(token.starts_with("dw_scim_"), "{token}");
        assert_eq!(parse(&token), Some(TenantId(7)));
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            assert_eq!(parse(std::str::from_utf8(&bytes).unwrap()), None, "a change at {at} goes unnoticed");
        }
        for text in ["", "dw_", "dw_scim_", "Bearer", &"x".repeat(5_000)] {
            assert_eq!(parse(text), None);
        }
    }
}
