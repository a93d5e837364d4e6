//! A writer of BSON into one buffer.

use chainbill_domain::{Document, Value};
use mongodb::bson::RawDocumentBuf;

pub(super) const STRING: u8 = 0x02;
const DOCUMENT: u8 = 0x03;
const ARRAY: u8 = 0x04;
const BOOLEAN: u8 = 0x08;
const DATE: u8 = 0x09;
const NULL: u8 = 0x0A;
const INT64: u8 = 0x12;

/// A BSON document in the making.
pub(super) struct Writer {
    bytes: Vec<u8>,
}

/// Where an opened document or list began.
#[must_use]
pub(super) struct Opened(usize);

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut writer = Self { bytes: Vec::with_capacity(bytes + 64) };
        writer.bytes.extend([0; 4]);
        writer
    }

    pub(super) fn finish(mut self) -> RawDocumentBuf {
        self.close(Opened(0));
        RawDocumentBuf::from_bytes(self.bytes).expect("the length in front is the length of the bytes")
    }

    pub(super) fn element(&mut self, kind: u8, name: &str) {
        debug_assert!(!name.contains('\0'), "such documents are refused before");
        self.bytes.push(kind);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A value of any type, in the bytes that BSON has for it.
    pub(super) fn raw(&mut self, name: &str, kind: u8, value: &[u8]) {
        self.element(kind, name);
        self.bytes(value);
    }

    pub(super) fn open(&mut self, name: &str) -> Opened {
        self.begin(DOCUMENT, name)
    }

    pub(super) fn open_list(&mut self, name: &str) -> Opened {
        self.begin(ARRAY, name)
    }

    fn begin(&mut self, kind: u8, name: &str) -> Opened {
        self.element(kind, name);
        let start = self.bytes.len();
        self.bytes.extend([0; 4]);
        Opened(start)
    }

    pub(super) fn close(&mut self, opened: Opened) {
        self.bytes.push(0);
        let length = i32::try_from(self.bytes.len() - opened.0).expect("commands are split long before 2 GiB");
        self.bytes[opened.0..opened.0 + 4].copy_from_slice(&length.to_le_bytes());
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.element(STRING, name);
        let length = i32::try_from(text.len() + 1).expect("documents over 16 MiB are refused before");
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
    }

    pub(super) fn flag(&mut self, name: &str, flag: bool) {
        self.element(BOOLEAN, name);
        self.bytes.push(u8::from(flag));
    }

    pub(super) fn int(&mut self, name: &str, number: i64) {
        self.element(INT64, name);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn date(&mut self, name: &str, millis: i64) {
        self.element(DATE, name);
        self.bytes.extend_from_slice(&millis.to_le_bytes());
    }

    pub(super) fn value(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => self.element(NULL, name),
            Value::Bool(flag) => self.flag(name, *flag),
            Value::Int(number) => self.int(name, *number),
            Value::Time(millis) => self.date(name, *millis),
            Value::Text(text) | Value::Foreign(text) => self.text(name, text),
            Value::List(items) => {
                let list = self.open_list(name);
                let mut digits = Position::default();
                for item in items {
                    self.value(digits.next(), item);
                }
                self.close(list);
            }
            Value::Map(inner) => {
                let map = self.open(name);
                self.fields(inner);
                self.close(map);
            }
        }
    }

    pub(super) fn fields(&mut self, document: &Document) {
        for (name, value) in &document.0 {
            self.value(name, value);
        }
    }
}

/// The names of list items: `0`, `1`, `2`, …
#[derive(Default)]
pub(super) struct Position {
    count: usize,
    text: String,
}

impl Position {
    pub(super) fn next(&mut self) -> &str {
        use std::fmt::Write as _;
        self.text.clear();
        write!(self.text, "{}", self.count).expect("writing to a string cannot fail");
        self.count += 1;
        &self.text
    }
}
