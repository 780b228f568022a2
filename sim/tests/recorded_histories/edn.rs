//! As much of EDN (extensible data notation) as the recorded histories use.

use std::iter::Peekable;
use std::str::Chars;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edn {
    /// `nil`
    Nil,
    /// `17`
    Int(i64),
    /// `:type`, without the colon
    Keyword(String),
    /// `"text"`
    Text(String),
    /// `[…]` or `(…)`
    List(Vec<Edn>),
    /// `{…}`
    Map(Vec<(Edn, Edn)>),
}

impl Edn {
    /// What a map holds under a keyword; nil if nothing.
    pub(crate) fn get(&self, keyword: &str) -> &Edn {
        let Self::Map(entries) = self else { panic!("not a map: {self:?}") };
        let entry = entries.iter().find(|(key, _)| matches!(key, Self::Keyword(key) if key == keyword));
        entry.map_or(&Self::Nil, |(_, value)| value)
    }

    pub(crate) fn int(&self) -> i64 {
        let Self::Int(int) = self else { panic!("not a number: {self:?}") };
        *int
    }

    pub(crate) fn keyword(&self) -> &str {
        let Self::Keyword(keyword) = self else { panic!("not a keyword: {self:?}") };
        keyword
    }

    pub(crate) fn text(&self) -> &str {
        let Self::Text(text) = self else { panic!("not a text: {self:?}") };
        text
    }

    pub(crate) fn list(&self) -> &[Edn] {
        let Self::List(list) = self else { panic!("not a list: {self:?}") };
        list
    }
}

/// All values of a text, one after another.
pub(crate) fn parse(text: &str) -> Vec<Edn> {
    until(&mut text.chars().peekable(), None)
}

/// Values up to `end`, or to the end of the text.
fn until(chars: &mut Peekable<Chars>, end: Option<char>) -> Vec<Edn> {
    let mut values = Vec::new();
    loop {
        match chars.peek().copied() {
            None => {
                assert_eq!(end, None, "the text ends within a list");
                return values;
            }
            Some(c) if Some(c) == end => {
                chars.next();
                return values;
            }
            Some(c) if c.is_whitespace() || c == ',' => {
                chars.next();
            }
            Some(';') => while chars.next().is_some_and(|c| c != '\n') {},
            Some(_) => values.push(value(chars)),
        }
    }
}

fn value(chars: &mut Peekable<Chars>) -> Edn {
    match chars.peek().copied() {
        Some('[') => Edn::List(bracketed(chars, ']')),
        Some('(') => Edn::List(bracketed(chars, ')')),
        Some('{') => {
            let values = bracketed(chars, '}');
            let (pairs, []) = values.as_chunks() else { panic!("a key without a value: {values:?}") };
            Edn::Map(pairs.iter().map(|[key, value]| (key.clone(), value.clone())).collect())
        }
        Some('"') => Edn::Text(text(chars)),
        _ => {
            let mut word = String::new();
            while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !",[](){}\"".contains(*c)) {
                word.push(c);
            }
            match word.strip_prefix(':') {
                Some(keyword) => Edn::Keyword(keyword.to_owned()),
                None if word == "nil" => Edn::Nil,
                None => Edn::Int(word.parse().unwrap_or_else(|error| panic!("{word}: {error}"))),
            }
        }
    }
}

fn bracketed(chars: &mut Peekable<Chars>, end: char) -> Vec<Edn> {
    chars.next();
    until(chars, Some(end))
}

fn text(chars: &mut Peekable<Chars>) -> String {
    chars.next();
    let mut text = String::new();
    loop {
        match chars.next().expect("a text ends with a quote") {
            '"' => return text,
            '\\' => text.push(match chars.next().expect("something is escaped") {
                'n' => '\n',
                't' => '\t',
                other => other,
            }),
            c => text.push(c),
        }
    }
}

#[test]
fn edn_is_read_as_it_is_written() {
    let parsed = parse("; a comment\n({:process 3, :value [1 nil -2]} \"a \\\"b\\\"\") :end");
    let expected = vec![
        Edn::List(vec![
            Edn::Map(vec![
                (Edn::Keyword("process".into()), Edn::Int(3)),
                (Edn::Keyword("value".into()), Edn::List(vec![Edn::Int(1), Edn::Nil, Edn::Int(-2)])),
            ]),
            Edn::Text("a \"b\"".into()),
        ]),
        Edn::Keyword("end".into()),
    ];
    assert_eq!(parsed, expected);
}
