//! Canonical XML 1.0 and 1.1 (inclusive) and Exclusive XML Canonicalization 1.0, all without comments.
//!
//! The inclusive ones differ only in attributes of the `xml` namespace, which [`Element`] refuses.

use super::element::{Attribute, Element, Node};

/// Which namespaces are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Canonical {
    /// Those that the names of the element and of its attributes use [Exclusive C14N §3].
    Exclusive,
    /// All that are in scope [Canonical XML 1.1 §2.3].
    Inclusive,
}

/// A row of prefixes and what they mean, innermost last.
type Scope = Vec<(String, String)>;

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
    pub(super) fn of(self, element: &Element, scope: &Scope, without: Option<&Element>) -> String {
        let mut writer = Writer { mode: self, out: String::new(), without };
        writer.element(element, scope, &Vec::new());
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
    fn element(&mut self, element: &Element, scope: &Scope, written: &Scope) {
        let mut scope = scope.clone();
        for declaration in &element.declarations {
            set(&mut scope, declaration.clone());
        }
        let mut now_written = written.clone();
        let mut declarations = self.declarations(element, &scope, written);
        declarations.sort();
        self.out.push_str(&format!("<{}", element.name));
        for (prefix, uri) in declarations {
            let colon = if prefix.is_empty() { "" } else { ":" };
            self.out.push_str(&format!(" xmlns{colon}{prefix}=\"{}\"", escaped_value(&uri)));
            set(&mut now_written, (prefix, uri));
        }
        let mut attributes: Vec<&Attribute> = element.attributes.iter().collect();
        attributes.sort_by(|one, other| (&one.namespace, &one.name.local).cmp(&(&other.namespace, &other.name.local)));
        for attribute in attributes {
            self.out.push_str(&format!(" {}=\"{}\"", attribute.name, escaped_value(&attribute.value)));
        }
        self.out.push('>');
        for child in &element.children {
            match child {
                Node::Element(child) if self.without.is_some_and(|without| std::ptr::eq(without, child)) => {}
                Node::Element(child) => self.element(child, &scope, &now_written),
                Node::Text(text) => self.out.push_str(&escaped_text(text)),
            }
        }
        self.out.push_str(&format!("</{}>", element.name));
    }

    /// The declarations to write on `element`.
    fn declarations(&self, element: &Element, scope: &Scope, written: &Scope) -> Scope {
        let is_used = |prefix: &str| match self.mode {
            Canonical::Inclusive => true,
            Canonical::Exclusive => {
                element.name.prefix == prefix
                    || (!prefix.is_empty() && element.attributes.iter().any(|at| at.name.prefix == prefix))
            }
        };
        let mut wanted: Scope = scope.iter().filter(|(prefix, _)| is_used(prefix)).cloned().collect();
        if get(&wanted, "").is_none() && is_used("") && get(written, "").is_some_and(|uri| !uri.is_empty()) {
            // An element of no namespace below one with a default namespace says so.
            wanted.push((String::new(), String::new()));
        }
        wanted.retain(|(prefix, uri)| match get(written, prefix) {
            Some(before) => before != uri,
            None => !(prefix.is_empty() && uri.is_empty()),
        });
        wanted
    }
}

fn get<'a>(scope: &'a Scope, prefix: &str) -> Option<&'a str> {
    scope.iter().find(|(declared, _)| declared == prefix).map(|(_, uri)| uri.as_str())
}

fn set(scope: &mut Scope, (prefix, uri): (String, String)) {
    scope.retain(|(declared, _)| *declared != prefix);
    scope.push((prefix, uri));
}

fn escaped_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#xD;")
}

fn escaped_value(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    text.replace('\t', "&#x9;").replace('\n', "&#xA;").replace('\r', "&#xD;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inclusive(text: &str) -> String {
        Canonical::Inclusive.of(&Element::parse(text).unwrap(), &Vec::new(), None)
    }

    fn exclusive_child(text: &str) -> String {
        let root = Element::parse(text).unwrap();
        let child = root.elements().next().unwrap();
        Canonical::Exclusive.of(child, &root.declarations, None)
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
