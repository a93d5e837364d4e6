//! Bodies and queries of requests. Stripe reads nested names: `line_items[0][quantity]`.

/// Pairs of names and values.
pub(super) struct Form(form_urlencoded::Serializer<'static, String>);

impl Form {
    pub(super) fn new() -> Self {
        Self(form_urlencoded::Serializer::new(String::new()))
    }

    /// Adds a pair.
    pub(super) fn pair(mut self, name: &str, value: &str) -> Self {
        self.0.append_pair(name, value);
        self
    }

    /// Adds a pair with a number.
    pub(super) fn number(self, name: &str, value: i64) -> Self {
        self.pair(name, &value.to_string())
    }

    /// The encoded pairs, in their order: a repeated request has the same bytes.
    pub(super) fn encoded(mut self) -> String {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An independent reader of `application/x-www-form-urlencoded`.
    fn decoded(text: &str) -> Vec<(String, String)> {
        let plain = |text: &str| {
            let (mut bytes, mut rest) = (Vec::new(), text.bytes());
            while let Some(byte) = rest.next() {
                bytes.push(match byte {
                    b'+' => b' ',
                    b'%' => {
                        let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap();
                        u8::try_from(digit() * 16 + digit()).unwrap()
                    }
                    byte => byte,
                });
            }
            String::from_utf8(bytes).unwrap()
        };
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap()).map(|(name, value)| (plain(name), plain(value))).collect()
    }

    #[test]
    fn nested_names_are_encoded() {
        let form = Form::new().pair("a[0][b]", "x & y=z+1").number("n", -7).encoded();
        assert_eq!(form, "a%5B0%5D%5Bb%5D=x+%26+y%3Dz%2B1&n=-7");
    }

    proptest! {
        #[test]
        fn any_pair_is_read_as_it_was_written(pairs in prop::collection::vec((".{1,20}", ".{0,40}"), 0..8)) {
            let form = pairs.iter().fold(Form::new(), |form, (name, value)| form.pair(name, value)).encoded();
            prop_assert!(form.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+%&=-_.*".contains(&byte)), "{}", form);
            prop_assert_eq!(decoded(&form), pairs);
        }
    }
}
