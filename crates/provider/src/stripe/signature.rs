//! Signatures of webhooks: `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>]`, HMAC-SHA-256 over `<t>.<body>`.
//! <https://docs.stripe.com/webhooks#verify-manually>

use chainbill_domain::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{WebhookRefusal, WebhookSecrets};

/// How far a signature's moment may be from the present, in either direction.
const WINDOW_SECONDS: i64 = 300;
/// Stripe signs once for each active secret of an endpoint, of which there are two during a rotation.
const MOST_SIGNATURES: usize = 16;
const LONGEST_HEADER: usize = 4096;

/// The header's fields.
struct Fields<'a> {
    /// The moment as it is written: these bytes are signed.
    moment: &'a str,
    seconds: i64,
    signatures: Vec<[u8; 32]>,
}

/// Whether the body was signed by one of the secrets, and lately. The signature comes first: only an authentic delivery is called stale.
pub(super) fn verify(
    secrets: &WebhookSecrets,
    body: &[u8],
    header: &str,
    now: Timestamp,
) -> Result<(), WebhookRefusal> {
    let fields = fields(header)?;
    let is_signed = secrets.reveal().any(|secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length is accepted");
        mac.update(fields.moment.as_bytes());
        mac.update(b".");
        mac.update(body);
        // Compared in constant time.
        fields.signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
    });
    if !is_signed {
        return Err(WebhookRefusal::WrongSignature);
    }
    match now.timestamp().saturating_sub(fields.seconds) {
        age if age > WINDOW_SECONDS => Err(WebhookRefusal::Stale(age, WINDOW_SECONDS)),
        age if age < -WINDOW_SECONDS => Err(WebhookRefusal::FromTheFuture(age.saturating_neg(), WINDOW_SECONDS)),
        _ => Ok(()),
    }
}

/// Fields with other names (`v0`, which Stripe sends for tests) are ignored, and so are signatures that cannot be any.
fn fields(header: &str) -> Result<Fields<'_>, WebhookRefusal> {
    if header.len() > LONGEST_HEADER {
        return Err(WebhookRefusal::BadHeader("it is too long"));
    }
    let (mut moment, mut signatures) = (None, Vec::new());
    for (name, value) in header.split(',').filter_map(|field| field.trim().split_once('=')) {
        match name {
            "t" if moment.is_some() => return Err(WebhookRefusal::BadHeader("it has two moments")),
            "t" => moment = Some(value),
            "v1" => {
                let mut signature = [0; 32];
                if hex::decode_to_slice(value, &mut signature).is_ok() {
                    signatures.push(signature);
                }
            }
            _ => {}
        }
    }
    let moment = moment.ok_or(WebhookRefusal::BadHeader("it has no moment"))?;
    // The parser of numbers takes a sign too.
    let seconds = Some(moment).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds =
        seconds.and_then(|text| text.parse().ok()).ok_or(WebhookRefusal::BadHeader("its moment is no number"))?;
    match signatures.len() {
        0 => Err(WebhookRefusal::BadHeader("it has no signature of the scheme v1")),
        1..=MOST_SIGNATURES => Ok(Fields { moment, seconds, signatures }),
        _ => Err(WebhookRefusal::BadHeader("it has too many signatures")),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;
    const SECRET: &str = "whsec_test_0123456789abcdef";
    // printf '%s' '1764288000.{"id":"evt_1","object":"event"}' | openssl dgst -sha256 -hmac whsec_test_0123456789abcdef
    const SIGNATURE: &str = "525862483f8422ece75b3ad06d01492efe39f7ec5b759426a1950a4a75ccce92";
    // The same with -hmac whsec_next_fedcba9876543210.
    const OTHERS_SIGNATURE: &str = "8bc2c1de840730953abc763f2174bae81d4947bae622f03f8e95e15ffd27f9ae";

    fn verified(secrets: &str, body: &[u8], header: &str, now: i64) -> Result<(), WebhookRefusal> {
        let now = DateTime::from_timestamp(now, 0).unwrap();
        verify(&WebhookSecrets::parse(secrets).unwrap(), body, header, now)
    }

    fn header(header: &str) -> Result<(), WebhookRefusal> {
        verified(SECRET, BODY, header, 1_764_288_000)
    }

    #[test]
    fn the_vector_of_another_implementation_is_accepted() {
        assert_eq!(header(&format!("t=1764288000,v1={SIGNATURE}")), Ok(()));
        assert_eq!(header(&format!("t=1764288000,v1={}", SIGNATURE.to_uppercase())), Ok(()));
        // Order, blanks, unknown names and schemes, empty fields and other signatures do not matter.
        assert_eq!(header(&format!(" v0={OTHERS_SIGNATURE}, v1={SIGNATURE} ,,x,=,t=1764288000")), Ok(()));
        assert_eq!(header(&format!("t=1764288000,v1=00,v1=zz,v1={OTHERS_SIGNATURE},v1={SIGNATURE}")), Ok(()));
    }

    #[test]
    fn anything_else_is_refused() {
        let wrong = Err(WebhookRefusal::WrongSignature);
        assert_eq!(header(&format!("t=1764288000,v1={OTHERS_SIGNATURE}")), wrong);
        assert_eq!(header(&format!("t=1764288001,v1={SIGNATURE}")), wrong);
        // The same number in other letters was not signed.
        assert_eq!(header(&format!("t=01764288000,v1={SIGNATURE}")), wrong);
        let changed = br#"{"id":"evt_2","object":"event"}"#;
        assert_eq!(verified(SECRET, changed, &format!("t=1764288000,v1={SIGNATURE}"), 1_764_288_000), wrong);
        assert_eq!(verified(SECRET, b"", &format!("t=1764288000,v1={SIGNATURE}"), 1_764_288_000), wrong);
        let many = format!("t=1764288000{}", format!(",v1={SIGNATURE}").repeat(MOST_SIGNATURES + 1));
        for bad in [
            "",
            "t=1764288000",
            "nonsense",
            &format!("v1={SIGNATURE}"),
            &format!("t=,v1={SIGNATURE}"),
            &format!("t=+1764288000,v1={SIGNATURE}"),
            &format!("t=-1764288000,v1={SIGNATURE}"),
            &format!("t=99999999999999999999,v1={SIGNATURE}"),
            &format!("t=1764288000,t=1764288000,v1={SIGNATURE}"),
            &format!("t=1764288000,v0={SIGNATURE}"),
            &format!("t=1764288000,V1={SIGNATURE}"),
            &format!("t=1764288000,v1={}", &SIGNATURE[..62]),
            &many,
            &format!("t=1764288000,v1={SIGNATURE},x={}", "a".repeat(LONGEST_HEADER)),
        ] {
            assert!(matches!(header(bad), Err(WebhookRefusal::BadHeader(_))), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_other_header_is_accepted(header in "(t=[0-9]{0,11}|v1=[0-9a-f]{0,70}|.{0,10})(,(t=1764288000|v1=[0-9a-f]{64}|.{0,10})){0,4}") {
            prop_assert!(self::header(&header).is_err());
        }
    }

    #[test]
    fn the_window_is_five_minutes_both_ways() {
        let at = |now| verified(SECRET, BODY, &format!("t=1764288000,v1={SIGNATURE}"), now);
        assert_eq!(at(1_764_288_000 + 300), Ok(()));
        assert_eq!(at(1_764_288_000 - 300), Ok(()));
        assert_eq!(at(1_764_288_000 + 301), Err(WebhookRefusal::Stale(301, 300)));
        assert_eq!(at(1_764_288_000 - 301), Err(WebhookRefusal::FromTheFuture(301, 300)));
    }

    #[test]
    fn during_a_rotation_both_secrets_are_accepted() {
        let old = format!("t=1764288000,v1={SIGNATURE}");
        let new = format!("t=1764288000,v1={OTHERS_SIGNATURE}");
        let both = format!("{SECRET},whsec_next_fedcba9876543210");
        for header in [&old, &new, &format!("{old},v1={OTHERS_SIGNATURE}")] {
            assert_eq!(verified(&both, BODY, header, 1_764_288_000), Ok(()), "{header}");
        }
        assert_eq!(
            verified("whsec_next_fedcba9876543210", BODY, &old, 1_764_288_000),
            Err(WebhookRefusal::WrongSignature)
        );
    }
}
