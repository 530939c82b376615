//! Canonical XML 1.0 and 1.1 (inclusive) and Exclusive XML Canonicalization 1.0, all without comments.
//!
//! The inclusive ones differ only in attributes of the `xml` namespace, which [`Element`] refuses.

use std::borrow::Cow;

use super::element::{Attribute, Element, Name, Node};

/// Which namespaces are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Canonical {
    /// Those that the names of the element and of its attributes use [Exclusive C14N §3].
    Exclusive,
    /// All that are in scope [Canonical XML 1.1 §2.3].
    Inclusive,
}

/// A prefix and what it means.
pub(super) type Declared<'a> = (&'a str, &'a str);

impl Canonical {
    pub(super) fn of_uri(uri: &str) -> Option<Self> {
        match uri {
            "http://www.w3.org/2001/10/xml-exc-c14n#" => Some(Self::Exclusive),
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315" | "http://www.w3.org/2006/12/xml-c14n11" => {
                Some(Self::Inclusive)
            }
            _ => None,
        }
    }

    /// The canonical form of `element`, whose ancestors declare `scope`, without the child element `without`.
    pub(super) fn of(self, element: &Element, scope: &[Declared<'_>], without: Option<&Element>) -> String {
        let mut writer = Writer { mode: self, out: String::new(), without };
        writer.element(element, scope, &[]);
        writer.out
    }
}

struct Writer<'a> {
    mode: Canonical,
    out: String,
    without: Option<&'a Element>,
}

impl Writer<'_> {
    /// Writes `element`. `scope` is what its ancestors declare, `written` what those of them say that were written.
    fn element<'e>(&mut self, element: &'e Element, scope: &[Declared<'e>], written: &[Declared<'e>]) {
        let scope = &with(scope, &element.declared());
        let mut declarations = self.declarations(element, scope, written);
        declarations.sort_unstable();
        self.out.push('<');
        self.name(&element.name);
        for (prefix, uri) in &declarations {
            self.out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.out.push_str(prefix);
            self.value(uri);
        }
        let mut attributes: Vec<&Attribute> = element.attributes.iter().collect();
        attributes.sort_by(|one, other| (&one.namespace, &one.name.local).cmp(&(&other.namespace, &other.name.local)));
        for attribute in attributes {
            self.out.push(' ');
            self.name(&attribute.name);
            self.value(&attribute.value);
        }
        self.out.push('>');
        let written = &with(written, &declarations);
        for child in &element.children {
            match child {
                Node::Element(child) if self.without.is_some_and(|without| std::ptr::eq(without, child)) => {}
                Node::Element(child) => self.element(child, scope, written),
                Node::Text(text) => self.escaped(text, of_text),
            }
        }
        self.out.push_str("</");
        self.name(&element.name);
        self.out.push('>');
    }

    /// The declarations to write on `element`.
    fn declarations<'e>(
        &self,
        element: &Element,
        scope: &[Declared<'e>],
        written: &[Declared<'_>],
    ) -> Vec<Declared<'e>> {
        let is_used = |prefix: &str| match self.mode {
            Canonical::Inclusive => true,
            Canonical::Exclusive => {
                element.name.prefix == prefix
                    || (!prefix.is_empty() && element.attributes.iter().any(|at| at.name.prefix == prefix))
            }
        };
        let mut wanted: Vec<Declared<'e>> = scope.iter().filter(|(prefix, _)| is_used(prefix)).copied().collect();
        if get(&wanted, "").is_none() && is_used("") && get(written, "").is_some_and(|uri| !uri.is_empty()) {
            // An element of no namespace below one with a default namespace says so.
            wanted.push(("", ""));
        }
        wanted.retain(|(prefix, uri)| match get(written, prefix) {
            Some(before) => before != *uri,
            None => !(prefix.is_empty() && uri.is_empty()),
        });
        wanted
    }

    fn name(&mut self, name: &Name) {
        if !name.prefix.is_empty() {
            self.out.push_str(&name.prefix);
            self.out.push(':');
        }
        self.out.push_str(&name.local);
    }

    fn value(&mut self, value: &str) {
        self.out.push_str("=\"");
        self.escaped(value, of_value);
        self.out.push('"');
    }

    /// What is escaped is one byte long.
    fn escaped(&mut self, text: &str, escape: impl Fn(u8) -> Option<&'static str>) {
        let mut rest = text;
        while let Some((place, found)) = rest.bytes().enumerate().find_map(|(place, byte)| Some((place, escape(byte)?)))
        {
            let (before, from) = rest.split_at(place);
            self.out.push_str(before);
            self.out.push_str(found);
            rest = from.get(1..).unwrap_or_default();
        }
        self.out.push_str(rest);
    }
}

/// `scope` with more declarations, which hide those of the same prefix.
pub(super) fn with<'s, 'e>(scope: &'s [Declared<'e>], declarations: &[Declared<'e>]) -> Cow<'s, [Declared<'e>]> {
    if declarations.is_empty() {
        return scope.into();
    }
    let is_hidden = |prefix: &str| declarations.iter().any(|(declared, _)| *declared == prefix);
    scope.iter().filter(|(prefix, _)| !is_hidden(prefix)).chain(declarations).copied().collect()
}

fn get<'e>(scope: &[Declared<'e>], prefix: &str) -> Option<&'e str> {
    scope.iter().find(|(declared, _)| *declared == prefix).map(|(_, uri)| *uri)
}

/// What is written for a byte of text [Canonical XML 1.1 §2.3].
const fn of_text(byte: u8) -> Option<&'static str> {
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    }
}

/// The same in an attribute's value.
const fn of_value(byte: u8) -> Option<&'static str> {
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inclusive(text: &str) -> String {
        Canonical::Inclusive.of(&Element::parse(text).unwrap(), &[], None)
    }

    fn exclusive_child(text: &str) -> String {
        let root = Element::parse(text).unwrap();
        let child = root.elements().next().unwrap();
        Canonical::Exclusive.of(child, &root.declared(), None)
    }

    #[test]
    fn follows_the_examples_of_canonical_xml() {
        // Canonical XML 1.1 §3.2 (white space), §3.3 (tags), §3.4 (references), as far as they hold no document type.
        for (input, expected) in [
            ("<doc>\n <clean>   </clean>\n</doc>", "<doc>\n <clean>   </clean>\n</doc>"),
            ("<?xml version=\"1.0\"?>\n<!-- c -->\n<doc   a='1'  ></doc   >\n", "<doc a=\"1\"></doc>"),
            ("<e1   />", "<e1></e1>"),
            (
                "<e5 a:attr=\"out\" b:attr=\"sorted\" attr2=\"all\" attr=\"I'm\" xmlns:b=\"http://www.ietf.org\" \
                 xmlns:a=\"http://www.w3.org\" xmlns=\"http://example.org\"/>",
                "<e5 xmlns=\"http://example.org\" xmlns:a=\"http://www.w3.org\" xmlns:b=\"http://www.ietf.org\" attr=\"I'm\" \
                 attr2=\"all\" b:attr=\"sorted\" a:attr=\"out\"></e5>",
            ),
            (
                "<e6 xmlns=\"\" xmlns:a=\"http://www.w3.org\"><e7 xmlns=\"http://www.ietf.org\"><e8 xmlns=\"\" \
                 xmlns:a=\"http://www.w3.org\"><e9 xmlns=\"\" xmlns:a=\"http://www.ietf.org\"/></e8></e7></e6>",
                "<e6 xmlns:a=\"http://www.w3.org\"><e7 xmlns=\"http://www.ietf.org\"><e8 xmlns=\"\"><e9 \
                 xmlns:a=\"http://www.ietf.org\"></e9></e8></e7></e6>",
            ),
            ("<t>First line&#x0d;&#10;Second line</t>", "<t>First line&#xD;\nSecond line</t>"),
            ("<v>&#x32;</v>", "<v>2</v>"),
            ("<v><![CDATA[value>\"0\" && value<\"10\"]]></v>", "<v>value&gt;\"0\" &amp;&amp; value&lt;\"10\"</v>"),
            ("<v e='v>\"0\" &amp;&amp; v&lt;\"10\"'/>", "<v e=\"v>&quot;0&quot; &amp;&amp; v&lt;&quot;10&quot;\"></v>"),
            ("<n attr=\" '   &#x20;&#13;&#xa;&#9;   ' \"/>", "<n attr=\" '    &#xD;&#xA;&#x9;   ' \"></n>"),
            ("<n a=\"x\ny\tz\"/>", "<n a=\"x y z\"></n>"),
            ("<n>a\r\nb\rc</n>", "<n>a\nb\nc</n>"),
        ] {
            assert_eq!(inclusive(input), expected);
        }
    }

    #[test]
    fn follows_the_example_of_exclusive_canonicalization() {
        // Exclusive XML Canonicalization 1.0 §2.2: both contexts give the same.
        let expected =
            "<n1:elem2 xmlns:n1=\"http://example.net\"><n3:stuff xmlns:n3=\"ftp://example.org\"></n3:stuff></n1:elem2>";
        for context in [
            "<n0:pdu xmlns:n0=\"http://example.com\" xmlns:n3=\"ftp://example.org\"><n1:elem2 xmlns:n1=\"http://example.net\">\
             <n3:stuff/></n1:elem2></n0:pdu>",
            "<n2:pdu xmlns:n1=\"http://example.net\" xmlns:n2=\"http://foo.example\" xmlns:n3=\"ftp://example.org\"><n1:elem2 \
             xmlns:n1=\"http://example.net\"><n3:stuff/></n1:elem2></n2:pdu>",
        ] {
            assert_eq!(exclusive_child(context), expected);
        }
    }

    #[test]
    fn refuses_what_signed_manifests_do_not_need() {
        for (crime, text) in [
            ("document_type", "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>"),
            ("unknown_entity", "<a>&e;</a>"),
            ("processing_instruction", "<a><?php x?></a>"),
            ("comment_inside", "<a>1<!-- --><b/></a>"),
            ("xml_attribute", "<a xml:base=\"x\"/>"),
            ("undeclared_prefix", "<p:a/>"),
            ("undeclared_prefix_of_an_attribute", "<a p:b=\"1\"/>"),
            ("attribute_twice", "<a b=\"1\" b=\"2\"/>"),
            ("attribute_twice_by_namespace", "<a xmlns:p=\"u\" xmlns:q=\"u\" p:b=\"1\" q:b=\"2\"/>"),
            ("second_root", "<a/><b/>"),
            ("text_after_the_root", "<a/>x"),
            ("unclosed", "<a><b></b>"),
            ("crossed", "<a><b></a></b>"),
            ("empty", ""),
            ("deep", &"<a>".repeat(40)),
            ("undeclared_again", "<a xmlns:p=\"\"/>"),
        ] {
            assert!(Element::parse(text).is_err(), "{crime}");
        }
    }
}
