//! A small tree of elements with their prefixes, as canonicalisation needs them. [Namespaces in XML 1.0, third edition]

use std::rc::Rc;

use quick_xml::{
    XmlVersion,
    events::{BytesStart, Event},
};
use thiserror::Error;

/// The longest document.
pub(crate) const XML_BYTES_MAX: usize = 4 << 20;
const DEPTH_MAX: usize = 32;
const NODES_MAX: usize = 65_536;

/// Why a document is not read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum XmlFlaw {
    /// It is not well-formed.
    #[error("not well-formed XML: {0}")]
    Malformed(String),
    /// It holds something that is refused by kind.
    #[error("XML with {0} is not read")]
    Refused(&'static str),
}

/// An element.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Element {
    pub(crate) name: Name,
    /// The namespace of the name; empty for none.
    namespace: Rc<str>,
    pub(crate) attributes: Vec<Attribute>,
    /// Declarations on this element: prefix (empty for the default) and URI.
    declarations: Vec<(String, Rc<str>)>,
    pub(crate) children: Vec<Node>,
}

/// A name as written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Name {
    /// Empty for none.
    pub(crate) prefix: String,
    pub(crate) local: String,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Attribute {
    pub(crate) name: Name,
    pub(crate) namespace: Rc<str>,
    /// Normalised [XML 1.0 §3.3.3].
    pub(crate) value: String,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Node {
    Element(Element),
    Text(String),
}

impl Name {
    fn parse(text: &str) -> Result<Self, XmlFlaw> {
        let (prefix, local) = text.split_once(':').unwrap_or(("", text));
        if local.is_empty() || local.contains(':') || text.starts_with(':') {
            return Err(XmlFlaw::Malformed(format!("`{}` is no qualified name", text.escape_default())));
        }
        Ok(Self { prefix: prefix.to_owned(), local: local.to_owned() })
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.prefix.is_empty() { f.write_str(&self.local) } else { write!(f, "{}:{}", self.prefix, self.local) }
    }
}

impl Element {
    /// Parses a document and returns its root.
    pub(crate) fn parse(text: &str) -> Result<Self, XmlFlaw> {
        if text.len() > XML_BYTES_MAX {
            return Err(XmlFlaw::Refused("more than 4 MiB"));
        }
        let mut reader = quick_xml::Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = true;
        config.allow_dangling_amp = false;
        config.allow_unmatched_ends = false;
        let mut builder = Builder::default();
        loop {
            let event = reader.read_event().map_err(|error| XmlFlaw::Malformed(error.to_string()))?;
            if matches!(event, Event::Eof) {
                return builder.finish();
            }
            builder.event(event)?;
        }
    }

    /// Children that are elements.
    pub(crate) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| if let Node::Element(element) = child { Some(element) } else { None })
    }

    /// The only child of this name.
    pub(crate) fn only(&self, namespace: &str, local: &str) -> Option<&Self> {
        let mut found = self.elements().filter(|element| element.is(namespace, local));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// What it declares: prefix and URI.
    pub(crate) fn declared(&self) -> Vec<(&str, &str)> {
        self.declarations.iter().map(|(prefix, uri)| (prefix.as_str(), &**uri)).collect()
    }

    pub(crate) fn is(&self, namespace: &str, local: &str) -> bool {
        *self.namespace == *namespace && self.name.local == local
    }

    /// The attribute of no namespace of this name.
    pub(crate) fn attribute(&self, local: &str) -> Option<&str> {
        self.attribute_of("", local)
    }

    pub(crate) fn attribute_of(&self, namespace: &str, local: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|at| *at.namespace == *namespace && at.name.local == local);
        found.map(|attribute| attribute.value.as_str())
    }

    /// All text directly in it.
    pub(crate) fn text(&self) -> String {
        let texts = self
            .children
            .iter()
            .filter_map(|child| if let Node::Text(text) = child { Some(text.as_str()) } else { None });
        texts.collect()
    }
}

#[derive(Default)]
struct Builder {
    /// No namespace.
    none: Rc<str>,
    open: Vec<Element>,
    root: Option<Element>,
    nodes: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>) -> Result<(), XmlFlaw> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > NODES_MAX {
            return Err(XmlFlaw::Refused("more than 65536 nodes"));
        }
        match event {
            Event::Start(start) => {
                let element = self.element(&start)?;
                if self.open.len() >= DEPTH_MAX {
                    return Err(XmlFlaw::Refused("more than 32 levels"));
                }
                self.open.push(element);
            }
            Event::Empty(start) => {
                let element = self.element(&start)?;
                self.close(element)?;
            }
            Event::End(_) => {
                let element = self.open.pop().ok_or_else(|| XmlFlaw::Malformed("an end without a start".to_owned()))?;
                self.close(element)?;
            }
            Event::Text(text) => self.text(&text.xml10_content())?,
            Event::CData(text) => self.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let predefined = match &*reference.xml10_content() {
                    "amp" => Some('&'),
                    "apos" => Some('\''),
                    "gt" => Some('>'),
                    "lt" => Some('<'),
                    "quot" => Some('"'),
                    _ => None,
                };
                let resolved = reference.resolve_char_ref().ok().flatten().or(predefined);
                self.text(resolved.ok_or(XmlFlaw::Refused("entities"))?.encode_utf8(&mut [0; 4]))?;
            }
            // Canonical XML without comments leaves them out; inside a manifest there is no use for them.
            Event::Comment(_) if self.open.is_empty() => {}
            Event::Comment(_) => return Err(XmlFlaw::Refused("comments")),
            Event::Decl(_) if self.root.is_none() && self.open.is_empty() => {}
            Event::Decl(_) | Event::PI(_) => return Err(XmlFlaw::Refused("processing instructions")),
            Event::DocType(_) => return Err(XmlFlaw::Refused("a document type")),
            Event::Eof => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlFlaw> {
        match self.open.last_mut() {
            Some(parent) => match parent.children.last_mut() {
                Some(Node::Text(before)) => before.push_str(text),
                _ => parent.children.push(Node::Text(text.to_owned())),
            },
            None if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() => {}
            None => return Err(XmlFlaw::Malformed("text outside the root".to_owned())),
        }
        Ok(())
    }

    fn close(&mut self, element: Element) -> Result<(), XmlFlaw> {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None if self.root.is_none() => self.root = Some(element),
            None => return Err(XmlFlaw::Malformed("a second root".to_owned())),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, XmlFlaw> {
        match self.root {
            Some(root) if self.open.is_empty() => Ok(root),
            _ => Err(XmlFlaw::Malformed("the document ends too early".to_owned())),
        }
    }

    fn element(&self, start: &BytesStart<'_>) -> Result<Element, XmlFlaw> {
        let mut declarations = Vec::new();
        let mut plain = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| XmlFlaw::Malformed(error.to_string()))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| XmlFlaw::Malformed(error.to_string()))?.into_owned();
            let key: &str = attribute.key.as_ref();
            match key.split_once(':') {
                _ if key == "xmlns" => declarations.push((String::new(), value.into())),
                Some(("xmlns", prefix)) if !value.is_empty() && prefix != "xml" && prefix != "xmlns" => {
                    declarations.push((prefix.to_owned(), value.into()));
                }
                Some(("xmlns", _)) => return Err(XmlFlaw::Malformed("a namespace that can't be declared".to_owned())),
                // They are inherited in their own way by canonical XML; no manifest has them.
                Some(("xml", _)) => return Err(XmlFlaw::Refused("attributes of the xml namespace")),
                _ => plain.push((Name::parse(key)?, value)),
            }
        }
        let name = Name::parse(start.name().as_ref())?;
        let namespace = self.resolve(&name.prefix, &declarations)?;
        let mut attributes: Vec<Attribute> = Vec::with_capacity(plain.len());
        for (name, value) in plain {
            // The default namespace is not an attribute's [Namespaces §6.2].
            let namespace =
                if name.prefix.is_empty() { Rc::clone(&self.none) } else { self.resolve(&name.prefix, &declarations)? };
            if attributes.iter().any(|other| other.namespace == namespace && other.name.local == name.local) {
                return Err(XmlFlaw::Malformed(format!("attribute `{name}` comes twice")));
            }
            attributes.push(Attribute { name, namespace, value });
        }
        Ok(Element { name, namespace, attributes, declarations, children: Vec::new() })
    }

    fn resolve(&self, prefix: &str, declarations: &[(String, Rc<str>)]) -> Result<Rc<str>, XmlFlaw> {
        let scopes =
            std::iter::once(declarations).chain(self.open.iter().rev().map(|open| open.declarations.as_slice()));
        let found = scopes.flatten().find(|(declared, _)| declared == prefix);
        match found {
            Some((_, uri)) => Ok(Rc::clone(uri)),
            None if prefix.is_empty() => Ok(Rc::clone(&self.none)),
            None => Err(XmlFlaw::Malformed(format!("prefix `{}` is not declared", prefix.escape_default()))),
        }
    }
}
