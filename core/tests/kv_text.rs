//! The commands as text and as bytes: what is accepted, what is refused and why, and the bytes that are for ever.

use seaworthy_core::kv::{Answer, Command, Kind, NAME_MAX, SYNOPSES, VALUE_MAX};
use seaworthy_core::state_machine::{Operation, Request};
use seaworthy_core::types::{Bytes, SessionId};

/// Lines and the command that each is, as it would be printed.
#[test]
fn lines_and_their_commands() {
    for (line, printed) in [
        ("set a 1", "SET a 1"),
        ("  SeT\ta   1 \r\n", "SET a 1"),
        ("SET A 1", "SET A 1"),
        ("SET a 'two words'", r#"SET a "two words""#),
        (r#"SET a "say \"hi\" \\ back""#, r#"SET a "say \"hi\" \\ back""#),
        (r#"SET a 'say "hi" \n'"#, r#"SET a "say \"hi\" \\n""#),
        (r#"SET a "it's""#, r#"SET a "it's""#),
        (r#"SET a "1\n2\t3\x00\xFf""#, r#"SET a "1\n2\t3\x00\xff""#),
        (r#"SET a "\xc3\xa9""#, r#"SET a "é""#),
        (r"SET path C:\new", r#"SET path "C:\\new""#),
        (r#"SET a """#, r#"SET a """#),
        ("SET a ''", r#"SET a """#),
        (r#"SET "" """#, r#"SET "" """#),
        (r#"SET a x"y z"'w'"#, r#"SET a "xy zw""#),
        ("SET url http://x:80/", "SET url http://x:80/"),
        ("'set' a 1", "SET a 1"),
        ("get é", r#"GET "é""#),
        ("CAS a nil 1", "CAS a nil 1"),
        (r#"CAS a "nil" 1"#, r#"CAS a "nil" 1"#),
        ("CAS a 'nil' nil", r#"CAS a "nil" nil"#),
        ("CAS a NIL 1", "CAS a NIL 1"),
        ("CAS nil n\"i\"l ''", r#"CAS nil "nil" """#),
        ("APPEND a x", "APPEND a x"),
        ("HSET h f:v", "HSET h f:v"),
        ("HSET h f:v:w g:", "HSET h f:v:w g:\"\""),
        ("HSET h :v", "HSET h \"\":v"),
        ("HSET h f v", "HSET h f:v"),
        ("HSET h f v g w", "HSET h f:v g:w"),
        (
            "HSET h name:'Sea Witch' \"home port:Hong Kong\"",
            r#"HSET h name:"Sea Witch" "home port":"Hong Kong""#,
        ),
        (r#"HSET h "a\x3ab":c"#, r#"HSET h "a\x3ab":c"#),
        (r#"HSET h "a\x3ab" "c\x3ad""#, r#"HSET h "a\x3ab":c:d"#),
        ("HSET a:b f v", "HSET a:b f:v"),
        ("HDEL h f g f", "HDEL h f g f"),
        ("HGET h f", "HGET h f"),
        ("HGETALL h", "HGETALL h"),
        ("SSET s a b:c", "SSET s a b:c"),
        ("SHAS s a", "SHAS s a"),
        ("SDEL s a b", "SDEL s a b"),
        ("smembers s", "SMEMBERS s"),
        ("exists a", "EXISTS a"),
        ("type a", "TYPE a"),
    ] {
        let command = Command::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(command.to_string(), printed, "{line}");
        assert_eq!(Command::parse(printed), Ok(command), "{printed} reads back");
    }
}

/// Quoting tells the missing key from the string that is spelled like it.
#[test]
fn nil_is_a_word_and_a_string() {
    let expected = |line| match Command::parse(line) {
        Ok(Command::Cas { expected, .. }) => expected,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(expected("CAS a nil 1"), None);
    for line in ["CAS a \"nil\" 1", "CAS a 'nil' 1", "CAS a ni'l' 1"] {
        assert_eq!(expected(line), Some(Bytes::from("nil")), "{line}");
    }
    assert_eq!(expected("CAS a NIL 1"), Some(Bytes::from("NIL")));
}

/// Every refusal says what is wrong, where, and what would be right.
#[test]
fn lines_that_are_no_command() {
    let names = "use one of SET, GET, DEL, CAS, APPEND, HSET, HGET, HDEL, HGETALL, SSET, SHAS, SDEL, SMEMBERS, \
                 EXISTS, TYPE";
    let escapes = r#"write \", \\, \n, \t or \xHH with two hexadecimal digits"#;
    for (line, error) in [
        ("", &*format!("no command: {names}")),
        (" \t ", &format!("no command: {names}")),
        ("FROBNICATE x", &format!("unknown command \"FROBNICATE\": {names}")),
        ("''", &format!("unknown command \"\": {names}")),
        ("set1 a", "unknown command \"set1\": did you mean SET?"),
        ("gte a", "unknown command \"gte\": did you mean GET?"),
        ("hgetal h", "unknown command \"hgetal\": did you mean HGETALL?"),
        ("MEMBERS s", "unknown command \"MEMBERS\": did you mean SMEMBERS?"),
        ("exist a", "unknown command \"exist\": did you mean EXISTS?"),
        ("\x1b[31m", &format!("unknown command \"\\x1b[31m\": {names}")),
        ("SET a", "usage: SET key value"),
        ("SET a b c", "usage: SET key value"),
        ("get", "usage: GET key"),
        ("DEL a b", "usage: DEL key"),
        ("CAS a b", "usage: CAS key expected new"),
        ("APPEND a", "usage: APPEND key value"),
        ("HSET h", "usage: HSET hash f:v [f:v …]"),
        ("HSET h f", "usage: HSET hash f:v [f:v …]"),
        ("HSET h f v g", "usage: HSET hash f:v [f:v …]"),
        (
            "HSET h site http://x",
            "\"site\" has no ':': write all pairs as f:v, or all as f v and colons as \"\\x3a\"",
        ),
        ("HGET h", "usage: HGET hash field"),
        ("HDEL h", "usage: HDEL hash f [f …]"),
        ("HGETALL", "usage: HGETALL hash"),
        ("SSET s", "usage: SSET set m [m …]"),
        ("SHAS s a b", "usage: SHAS set m"),
        ("SDEL s", "usage: SDEL set m [m …]"),
        ("SMEMBERS", "usage: SMEMBERS set"),
        ("EXISTS", "usage: EXISTS key"),
        ("TYPE a b", "usage: TYPE key"),
        ("SET a \"b", "the quote \" at column 7 is not closed: end it with another \""),
        ("SET é 'b", "the quote ' at column 7 is not closed: end it with another '"),
        (r#"SET a "\""#, "the quote \" at column 7 is not closed: end it with another \""),
        (r#"SET a "\"#, &format!("unknown escape at column 8: {escapes}")),
        (r#"SET a "b\r""#, &format!("unknown escape at column 9: {escapes}")),
        (r#"SET a "\x1""#, &format!("unknown escape at column 8: {escapes}")),
        (r#"SET a "\x1é""#, &format!("unknown escape at column 8: {escapes}")),
    ] {
        match Command::parse(line) {
            Err(refusal) => assert_eq!(refusal.to_string(), error, "{line:?}"),
            Ok(command) => panic!("{line:?} is {command}"),
        }
    }
}

/// A long word is not repeated in full, nor cut within a character.
#[test]
fn errors_are_short() {
    let error = Command::parse(&format!("x{}", "é".repeat(1000))).expect_err("it is no command").to_string();
    let shown = format!("unknown command \"x{}\"…: use one of SET", "é".repeat(15));
    assert!(error.starts_with(&shown), "{error}");
}

/// Limits are inclusive.
#[test]
fn limits() {
    let (name, value) = ("n".repeat(NAME_MAX), "v".repeat(VALUE_MAX));
    let fitting = [
        format!("SET {name} {value}"),
        format!("CAS {name} {value} {value}"),
        format!("APPEND {name} {value}"),
        format!("HSET {name} {name}:{value}"),
        format!("HGET {name} {name}"),
        format!("HDEL {name} {name}"),
        format!("SSET {name} {name}"),
        format!("SHAS {name} {name}"),
        format!("SDEL {name} {name}"),
    ];
    for line in fitting {
        assert!(Command::parse(&line).is_ok(), "{}", &line[..20]);
    }
    let (name, value) = (name + "n", value + "v");
    for (line, part, limit) in [
        (format!("GET {name}"), "key", NAME_MAX),
        (format!("SET k {value}"), "value", VALUE_MAX),
        (format!("CAS k {value} v"), "value", VALUE_MAX),
        (format!("CAS k v {value}"), "value", VALUE_MAX),
        (format!("APPEND k {value}"), "value", VALUE_MAX),
        (format!("HSET k f:v {name}:v"), "field", NAME_MAX),
        (format!("HSET k f:v f:{value}"), "value", VALUE_MAX),
        (format!("HGET k {name}"), "field", NAME_MAX),
        (format!("HDEL k f {name}"), "field", NAME_MAX),
        (format!("SSET k m {name}"), "member", NAME_MAX),
        (format!("SHAS k {name}"), "member", NAME_MAX),
        (format!("SDEL k {name}"), "member", NAME_MAX),
    ] {
        let error = Command::parse(&line).expect_err(part).to_string();
        assert_eq!(error, format!("a {part} has at most {limit} bytes, this one has {}", limit + 1));
    }
}

/// Each name in the table is a command with that name.
#[test]
fn each_synopsis_is_a_command() {
    for synopsis in SYNOPSES {
        let line = synopsis.to_string().replace(" [f:v …]", "").replace(" [f …]", "").replace(" [m …]", "");
        let command = Command::parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(command.name(), synopsis.name);
    }
}

/// Answers as the prompt prints them, on one line each.
#[test]
fn answers_and_their_text() {
    let bytes = |text: &[u8]| Bytes::new(text);
    for (answer, text) in [
        (Answer::Ok, "OK"),
        (Answer::Nil, "(nil)"),
        (Answer::Value(bytes(b"value")), r#""value""#),
        (Answer::Value(bytes(b"")), r#""""#),
        (Answer::Value(bytes(b"(nil)")), r#""(nil)""#),
        (Answer::Value(bytes(b"a\"b\\c\nd\te\r\x07")), r#""a\"b\\c\nd\te\x0d\x07""#),
        (Answer::Value(bytes(b"\x1b]0;owned\x07")), r#""\x1b]0;owned\x07""#),
        (Answer::Value(bytes(b"\xff\xc3")), r#""\xff\xc3""#),
        (Answer::Value(bytes(b"\x7f\x00")), r#""\x7f\x00""#),
        (Answer::Value("naïve 日本 🚢".into()), "\"naïve 日本 🚢\""),
        (Answer::Value("a\u{202e}b\u{85}\u{200b}".into()), r#""a\xe2\x80\xaeb\xc2\x85\xe2\x80\x8b""#),
        (Answer::Integer(0), "(integer) 0"),
        (Answer::Integer(u64::MAX), "(integer) 18446744073709551615"),
        (Answer::Boolean(true), "true"),
        (Answer::Boolean(false), "false"),
        (Answer::Pairs(vec![]), "{}"),
        (
            Answer::Pairs(vec![(bytes(b"f"), bytes(b"v")), (bytes(b"g:h"), bytes(b""))]),
            r#"{"f": "v", "g:h": ""}"#,
        ),
        (Answer::Members(vec![]), "[]"),
        (Answer::Members(vec![bytes(b"a"), bytes(b"b, c")]), r#"["a", "b, c"]"#),
        (Answer::Type(None), "NONE"),
        (Answer::Type(Some(Kind::String)), "STRING"),
        (Answer::Type(Some(Kind::Hash)), "HASH"),
        (Answer::Type(Some(Kind::Set)), "SET"),
        (Answer::WrongType { holds: Kind::String }, "(error) WRONGTYPE key holds a STRING"),
        (Answer::WrongType { holds: Kind::Hash }, "(error) WRONGTYPE key holds a HASH"),
        (Answer::WrongType { holds: Kind::Set }, "(error) WRONGTYPE key holds a SET"),
        (Answer::TooLarge, "(error) value too large"),
    ] {
        assert_eq!(answer.to_string(), text);
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of each command. Logs on disk hold them: a difference here is a log that can no longer be read.
#[test]
fn golden_commands() {
    for (line, golden) in [
        ("SET key value", "01036b65790576616c7565"),
        ("SET '' ''", "010000"),
        ("GET key", "02036b6579"),
        ("DEL key", "03036b6579"),
        ("CAS key nil new", "04036b657900036e6577"),
        ("CAS key old new", "04036b657901036f6c64036e6577"),
        ("APPEND key value", "05036b65790576616c7565"),
        ("HSET h f:v g:''", "0601680201660176016700"),
        ("HGET h f", "0701680166"),
        ("HDEL h f g", "0801680201660167"),
        ("HGETALL h", "090168"),
        ("SSET s m n", "0a017302016d016e"),
        ("SHAS s m", "0b0173016d"),
        ("SDEL s m n", "0c017302016d016e"),
        ("SMEMBERS s", "0d0173"),
        ("EXISTS key", "0e036b6579"),
        ("TYPE key", "0f036b6579"),
    ] {
        let command = Command::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let mut bytes = vec![];
        command.encode(&mut bytes);
        assert_eq!(hexadecimal(&bytes), golden, "{line}");
        assert_eq!(Command::decode(&bytes), Some((command, &[][..])), "{line}");
    }
}

fn request(session: u64, sequence: u64, line: Option<&str>) -> Request {
    let operation = line.map_or(Operation::Register, |line| {
        Operation::Command(Command::parse(line).unwrap_or_else(|error| panic!("{line}: {error}")))
    });
    Request { session: SessionId(session), sequence, operation }
}

/// The bytes of requests: as for ever.
#[test]
fn golden_requests() {
    for (request, golden) in [
        (request(0, 0, None), "01000000"),
        (request(0, 1, None), "01000100"),
        (request(1, 1, Some("GET a")), "01010101020161"),
        (request(300, 128, Some("SET a 1")), "01ac028001010101610131"),
        (request(u64::MAX, u64::MAX, None), "01ffffffffffffffffff01ffffffffffffffffff0100"),
    ] {
        let bytes = request.encode();
        assert_eq!(hexadecimal(&bytes), golden, "{request:?}");
        assert_eq!(Request::decode(&bytes), Some(request));
    }
}

/// No proper prefix of a request is one, and nothing may follow it.
#[test]
fn a_request_is_all_of_its_bytes() {
    for line in ["SET key value", "CAS k nil v", "CAS k u v", "HSET h f:v g:w", "SSET s a b", "GET k"] {
        let mut bytes = request(1000, 1, Some(line)).encode().to_vec();
        for end in 0..bytes.len() {
            assert_eq!(Request::decode(&bytes[..end]), None, "the first {end} bytes of {line}");
        }
        bytes.push(0);
        assert_eq!(Request::decode(&bytes), None, "{line} and a byte");
    }
}

/// Numbers have one form, and lengths and counts that exceed what is there are refused without being believed.
#[test]
fn false_numbers_are_refused() {
    for (claim, bytes) in [
        ("a version that is not ours", &b"\x02\x00\x00\x00"[..]),
        ("no such operation", b"\x01\x00\x00\x02"),
        ("no such command", b"\x01\x01\x01\x01\x10\x01a"),
        ("zero in two bytes", b"\x01\x80\x00\x00\x00"),
        ("one in two bytes", b"\x01\x81\x00\x00\x00"),
        ("more than 64 bits", b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00\x00"),
        ("more than ten bytes", b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00\x00\x00"),
        ("a key of 2^63 bytes", b"\x01\x01\x01\x01\x02\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01a"),
        ("2^63 members", b"\x01\x01\x01\x01\x0a\x01s\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x01m"),
        ("neither none nor some", b"\x01\x01\x01\x01\x04\x01k\x02\x01u\x01v"),
    ] {
        assert_eq!(Request::decode(bytes), None, "{claim}");
    }
}
