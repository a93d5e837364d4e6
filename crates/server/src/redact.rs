//! Removes secrets from texts before they are shown: errors of libraries contain their input.

/// The replacement of a secret.
const STARS: &str = "***";

/// A text without passwords: those of every address in it, and these secrets wherever they stand.
pub(crate) fn redacted(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        match secret.split_once("://") {
            Some((_, rest)) => {
                let Some((login, _)) = rest.rsplit_once('@') else { continue };
                let password = login.split_once(':').map_or("", |(_, password)| password);
                text = text.replace(&format!("{login}@"), &format!("{}@", shown(login)));
                // A password that is one small word would take that word out of every sentence.
                if password.bytes().any(|byte| !byte.is_ascii_lowercase()) {
                    text = text.replace(password, STARS);
                }
            }
            None if !secret.is_empty() => text = text.replace(secret, STARS),
            None => {}
        }
    }
    addresses(&text)
}

/// The text with the logins of all addresses in it shortened to their names.
fn addresses(text: &str) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        // A password may hold anything that ends an address, but hardly a blank or a quote.
        let end = after.find(|next: char| next.is_whitespace() || "\"'`<>".contains(next)).unwrap_or(after.len());
        let (address, following) = after.split_at(end);
        match address.rsplit_once('@') {
            Some((login, host)) => out.push_str(&format!("{}@{host}", shown(login))),
            None => out.push_str(address),
        }
        rest = following;
    }
    out.push_str(rest);
    out
}

fn shown(login: &str) -> String {
    login.split_once(':').map_or_else(|| STARS.to_owned(), |(name, _)| format!("{name}:{STARS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_addresses_are_taken_out_whatever_they_hold() {
        for (text, expected) in [
            ("no mysql://u:p@h:1/d there", "no mysql://u:***@h:1/d there"),
            ("'mysql://u:sec#ret/pw@127.0.0.1:1/x'", "'mysql://u:***@127.0.0.1:1/x'"),
            ("\"mongodb+srv://u:a@b@h/?x=1\", and smtp://k@h", "\"mongodb+srv://u:***@h/?x=1\", and smtp://***@h"),
            ("http://localhost:3000/docs", "http://localhost:3000/docs"),
            ("mysql://", "mysql://"),
        ] {
            assert_eq!(redacted(text, &[]), expected);
        }
    }

    #[test]
    fn known_secrets_are_taken_out_wherever_they_stand() {
        let secrets = ["mysql://u:sec#ret pw@h/d", "whsec_abc", "mysql://chainbill:chainbill@h/d", ""];
        assert_eq!(redacted("the port \"sec#ret pw\" of u:sec#ret pw@h", &secrets), "the port \"***\" of u:***@h");
        assert_eq!(redacted("whsec_abc is no key", &secrets), "*** is no key");
        let text = "run `chainbill migrate up`; chainbill:chainbill@h is away";
        assert_eq!(redacted(text, &secrets), "run `chainbill migrate up`; chainbill:***@h is away");
    }
}
