//! XML becomes JSON by one rule; what is hostile is refused within its bounds.

use serde_json::json;

use super::*;

fn value(text: &str) -> Value {
    read(text, &XmlRules::default()).unwrap()
}

fn refused(text: &str) -> String {
    read(text, &XmlRules::default()).unwrap_err().message
}

#[test]
fn elements_attributes_and_text_become_json() {
    for (text, expected) in [
        ("<a>x</a>", json!({"a": "x"})),
        ("<a/>", json!({"a": ""})),
        ("<a></a>", json!({"a": ""})),
        ("<a>\n  x y\n</a >", json!({"a": "x y"})),
        ("<a xml:space='preserve'> x </a>", json!({"a": " x "})),
        ("<a b='1'/>", json!({"a": {"@b": "1"}})),
        ("<a b='1'>x</a>", json!({"a": {"@b": "1", "#text": "x"}})),
        (
            "<a><b>1</b><c>2</c></a>",
            json!({"a": {"b": "1", "c": "2"}}),
        ),
        (
            "<a><b>1</b><c/><b>2</b><b>3</b></a>",
            json!({"a": {"b": ["1", "2", "3"], "c": ""}}),
        ),
        ("<a>x<b>1</b>y</a>", json!({"a": {"b": "1", "#text": "xy"}})),
        (
            "<?xml version='1.0'?><!-- c --><?pi x?>\n<a><!-- c -->x<?pi?></a>\n<!-- c -->\n",
            json!({"a": "x"}),
        ),
        (
            "<a xmlns='urn:a' xmlns:xsi='urn:i' xmlns:p='urn:p'><p:b xsi:nil='true'/></a>",
            json!({"a": {"p:b": null}}),
        ),
        (
            "<soap:Envelope><soap:Body/></soap:Envelope>",
            json!({"soap:Envelope": {"soap:Body": ""}}),
        ),
        ("<größe>1</größe>", json!({"größe": "1"})),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn entities_are_the_five_and_numbers() {
    let expected = json!({"a": {"@b": "<\"", "#text": "1 < 2 & 'x' \u{e9}€ <b>&amp;</b>"}});
    let text = "<a b='&lt;&quot;'>1 &lt; 2 &amp; &apos;x&apos; &#233;&#x20ac; <![CDATA[<b>&amp;</b>]]></a>";
    assert_eq!(value(text), expected);
    for text in ["<a>&nbsp;</a>", "<a b='&nbsp;'/>"] {
        assert!(refused(text).contains("XML's five"), "{text}");
    }
    for text in ["<a>&#0;</a>", "<a>&#xd800;</a>", "<a>&#99999999;</a>"] {
        assert!(refused(text).contains("no character"), "{text}");
    }
}

#[test]
fn a_list_of_one_stays_a_list_where_it_is_so_declared() {
    let rules = |arrays: &[&str]| XmlRules {
        arrays: arrays.iter().map(|&path| path.to_owned()).collect(),
    };
    let one = "<rss><channel><item>1</item></channel><item>x</item></rss>";
    for (arrays, expected) in [
        (
            &["item"][..],
            json!({"rss": {"channel": {"item": ["1"]}, "item": ["x"]}}),
        ),
        (
            &["channel.item"],
            json!({"rss": {"channel": {"item": ["1"]}, "item": "x"}}),
        ),
        (
            &["rss.item"],
            json!({"rss": {"channel": {"item": "1"}, "item": ["x"]}}),
        ),
        (
            &["rss.channel.item"],
            json!({"rss": {"channel": {"item": ["1"]}, "item": "x"}}),
        ),
        (
            &["tem", "x.rss", "l.item"],
            json!({"rss": {"channel": {"item": "1"}, "item": "x"}}),
        ),
        (
            &["rss"],
            json!({"rss": [{"channel": {"item": "1"}, "item": "x"}]}),
        ),
    ] {
        assert_eq!(read(one, &rules(arrays)), Ok(expected), "{arrays:?}");
    }
    let two = "<a><b.c>1</b.c><b.c>2</b.c></a>";
    assert_eq!(
        read(two, &rules(&["a.b.c"])),
        Ok(json!({"a": {"b.c": ["1", "2"]}}))
    );
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for text in [
        "",
        "x",
        "<a>",
        "<a><b></a>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a b=1/>",
        "<a b/>",
        "<a b='1' b='2'/>",
        "<a b='1/>",
        "<1/>",
        "< a/>",
        "<@a/>",
        "<a<b/>",
        "<a>&amp</a>",
        "<a>& b</a>",
        "<a><![CDATA[x</a>",
        "<a><!-- </a>",
        "<!DOCTYPE html><html><body><p>a<br>b</p></body></html>",
        "{\"a\": 1}",
    ] {
        let read = read(text, &XmlRules::default());
        assert!(read.is_err(), "{text}: {read:?}");
    }
    assert!(refused("<a>\n\n<b>\n</a>").ends_with("(line 4)"));
}

#[test]
fn a_document_declares_nothing() {
    let laughs: String = (1..10)
        .map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10)))
        .collect();
    for text in [
        format!("<!DOCTYPE a [<!ENTITY l0 \"lol\">{laughs}]><a>&l9;</a>"),
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>".to_owned(),
        "<!DOCTYPE a [<!ENTITY % x SYSTEM \"http://127.0.0.1/x.dtd\"> %x;]><a/>".to_owned(),
        "<!DOCTYPE a [<!ATTLIST a b CDATA 'c'>]><a/>".to_owned(),
    ] {
        assert!(refused(&text).contains("DTD"), "{text}");
    }
    // A public name that says nothing about the text: nothing is fetched.
    let named = "<!DOCTYPE a PUBLIC \"-//NLM//DTD a//EN\" \"https://example.com/a.dtd\"><a>x</a>";
    assert_eq!(value(named), json!({"a": "x"}));
    let outside = "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a>&passwd;</a>";
    assert!(refused(outside).contains("XML's five"));
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| "<a>".repeat(levels) + &"</a>".repeat(levels);
    assert!(read(&nested(128), &XmlRules::default()).is_ok());
    for levels in [129, 500_000] {
        assert!(refused(&nested(levels)).contains("128 levels"));
    }
}

#[test]
fn room_is_bounded() {
    let few = format!("<a>{}</a>", "<b/>".repeat(200_000));
    assert!(read(&few, &XmlRules::default()).is_ok());
    let many = format!("<a>{}</a>", "<b c=''/>".repeat(500_000));
    assert!(refused(&many).contains("megabytes"));
    let attributes: String = (0..100_000).map(|n| format!(" a{n}=''")).collect();
    assert!(read(&format!("<a{attributes}/>"), &XmlRules::default()).is_ok());
}
