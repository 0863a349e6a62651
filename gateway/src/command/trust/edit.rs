//! Adds one item to the text of a trust policy that a person wrote. All else stays as it is, byte for byte.

use std::fmt;

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, RawString, Table, TableLike, Value};

/// What is added to a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Added {
    /// An item of `signers`, as it is written: `{ … }`.
    Signer(String),
    /// An item of `attestations`, as it is written: `{ type = …, signers = [{ … }] }`.
    Attestation(String),
    /// An item of `digests`.
    Digest(String),
}

/// Where a policy stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// It is all of the file.
    Whole,
    /// It is the table `[trust]`.
    Table,
}

/// Why a text is left as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotEdited {
    /// It would come out otherwise in other places, too.
    #[error("its text cannot be changed in one place alone")]
    NotKept,
    /// It has another form than a policy.
    #[error("it does not have the form of a policy")]
    NotAPolicy,
    /// It is no TOML.
    #[error(transparent)]
    Toml(#[from] toml_edit::TomlError),
}

impl Added {
    /// The member of a scope that has such items.
    pub(super) fn member(&self) -> &'static str {
        match self {
            Self::Signer(_) => "signers",
            Self::Attestation(_) => "attestations",
            Self::Digest(_) => "digests",
        }
    }

    /// A list of nothing but this.
    fn list(&self) -> Result<Value, NotEdited> {
        let mut item = self.value()?;
        item.decor_mut().clear();
        Ok(Array::from_iter([item]).into())
    }

    fn value(&self) -> Result<Value, NotEdited> {
        match self {
            Self::Signer(line) | Self::Attestation(line) => Ok(line.parse()?),
            Self::Digest(digest) => Ok(digest.as_str().into()),
        }
    }

    /// The line of a scope that has nothing but this.
    pub(super) fn line(&self) -> String {
        format!("{} = [{self}]", self.member())
    }
}

/// As it is written.
impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signer(line) | Self::Attestation(line) => f.write_str(line),
            Self::Digest(digest) => write!(f, "\"{digest}\""),
        }
    }
}

impl Form {
    /// A scope with this item alone, as a person would write it.
    pub(super) fn scope(self, name: &str, added: &Added) -> String {
        let header = match self {
            Self::Whole => "[[scope]]",
            Self::Table => "[[trust.scope]]",
        };
        format!("{header}\nmatch = \"{name}\"\n{}\n", added.line())
    }

    fn scopes(self, document: &mut DocumentMut) -> Option<&mut Item> {
        match self {
            Self::Whole => document.get_mut("scope"),
            Self::Table => document.get_mut("trust")?.get_mut("scope"),
        }
    }
}

/// The text with one scope more.
///
/// # Errors
/// Where that would change anything else.
pub(super) fn with_scope(text: &str, form: Form, name: &str, added: &Added) -> Result<String, NotEdited> {
    let is_list =
        matches!(form.scopes(&mut text.strip_prefix('\u{feff}').unwrap_or(text).parse()?), Some(Item::Value(_)));
    if !is_list {
        // At the end: comments that end the file stay with what they are about.
        let scope = form.scope(name, added);
        let end = line_end(text);
        return Ok(format!("{}{end}{end}{}", text.trim_end(), scope.replace('\n', end)));
    }
    edited(text, |document| {
        let scopes = form.scopes(document).and_then(Item::as_array_mut).ok_or(NotEdited::NotAPolicy)?;
        let mut scope = InlineTable::new();
        scope.insert("match", name.into());
        scope.insert(added.member(), added.list()?);
        push(scopes, scope.into());
        Ok(())
    })
}

/// The text with one item more in the scope that has this place among the others.
///
/// # Errors
/// Where that would change anything else.
pub(super) fn with_item(text: &str, form: Form, index: usize, added: &Added) -> Result<String, NotEdited> {
    edited(text, |document| match form.scopes(document) {
        Some(Item::ArrayOfTables(scopes)) => add_to_table(scopes.get_mut(index).ok_or(NotEdited::NotAPolicy)?, added),
        Some(Item::Value(Value::Array(scopes))) => {
            let scope = scopes.get_mut(index).and_then(Value::as_inline_table_mut);
            add_to_inline(scope.ok_or(NotEdited::NotAPolicy)?, added)
        }
        _ => Err(NotEdited::NotAPolicy),
    })
}

/// The text with one change in it, where all else is written as it was read.
fn edited(text: &str, change: impl FnOnce(&mut DocumentMut) -> Result<(), NotEdited>) -> Result<String, NotEdited> {
    // Some editors put a mark before the first line, or nothing after the last one.
    let (mark, bare) = match text.strip_prefix('\u{feff}') {
        Some(bare) => ("\u{feff}", bare),
        None => ("", text),
    };
    let end = line_end(bare);
    let whole = if bare.ends_with('\n') { bare.to_owned() } else { format!("{bare}{end}") };
    let mut document: DocumentMut = whole.replace("\r\n", "\n").parse()?;
    let write = |document: &DocumentMut| document.to_string().replace('\n', end);
    if write(&document) != whole {
        return Err(NotEdited::NotKept);
    }
    change(&mut document)?;
    Ok(format!("{mark}{}", write(&document)))
}

fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Adds whoever may attest something to the others who may attest the same, if there are any in this list.
fn join<'a>(mut asked: impl Iterator<Item = &'a mut dyn TableLike>, added: &Added) -> Result<bool, NotEdited> {
    let Added::Attestation(_) = added else { return Ok(false) };
    let Value::InlineTable(new) = added.value()? else { return Err(NotEdited::NotAPolicy) };
    let kind = new.get("type").and_then(Value::as_str);
    let Some(same) = asked.find(|asked| asked.get("type").and_then(Item::as_str) == kind) else { return Ok(false) };
    let signer = new.get("signers").and_then(Value::as_array).and_then(|signers| signers.get(0));
    let signer = Added::Signer(signer.ok_or(NotEdited::NotAPolicy)?.to_string());
    match same.get_mut(signer.member()) {
        Some(Item::Value(Value::Array(signers))) => push(signers, signer.value()?),
        Some(Item::ArrayOfTables(signers)) => push_table(signers, &signer)?,
        // Who attests it is who signs: that would have to be written out.
        _ => return Err(NotEdited::NotKept),
    }
    Ok(true)
}

fn inline_tables(items: &mut Array) -> impl Iterator<Item = &mut dyn TableLike> {
    items.iter_mut().filter_map(Value::as_inline_table_mut).map(|table| table as &mut dyn TableLike)
}

fn add_to_table(scope: &mut Table, added: &Added) -> Result<(), NotEdited> {
    let is_joined = match scope.get_mut(added.member()) {
        Some(Item::Value(Value::Array(items))) => join(inline_tables(items), added)?,
        Some(Item::ArrayOfTables(items)) => join(items.iter_mut().map(|table| table as &mut dyn TableLike), added)?,
        _ => false,
    };
    if is_joined {
        return Ok(());
    }
    match scope.get_mut(added.member()) {
        Some(Item::Value(Value::Array(items))) => push(items, added.value()?),
        Some(Item::ArrayOfTables(items)) => push_table(items, added)?,
        Some(_) => return Err(NotEdited::NotAPolicy),
        None => {
            let indent = indent_of_keys(scope);
            scope.insert(added.member(), added.list()?.into());
            if let Some(mut key) = scope.key_mut(added.member()) {
                key.leaf_decor_mut().set_prefix(indent);
            }
        }
    }
    Ok(())
}

fn add_to_inline(scope: &mut InlineTable, added: &Added) -> Result<(), NotEdited> {
    if let Some(items) = scope.get_mut(added.member()) {
        if items.as_array_mut().map(|items| join(inline_tables(items), added)).transpose()? == Some(true) {
            return Ok(());
        }
        push(items.as_array_mut().ok_or(NotEdited::NotAPolicy)?, added.value()?);
        return Ok(());
    }
    let before = scope.key("match").map(|key| raw(key.leaf_decor().prefix()));
    let own =
        if scope.trailing_comma() { String::new() } else { last_leaf(scope).map(take_suffix).unwrap_or_default() };
    let Gap { lead, closing } = Gap::new(own + &raw(Some(scope.trailing())), before.as_deref());
    scope.set_trailing(closing);
    scope.insert(added.member(), added.list()?);
    if let Some(mut key) = scope.key_mut(added.member()) {
        key.leaf_decor_mut().set_prefix(lead);
        key.leaf_decor_mut().set_suffix(" ");
    }
    if let Some(items) = scope.get_mut(added.member()) {
        items.decor_mut().set_prefix(" ");
        items.decor_mut().set_suffix("");
    }
    Ok(())
}

/// Adds an item to a list, on a line of its own where the others have that.
fn push(items: &mut Array, mut item: Value) {
    let (has_comma, is_empty) = (items.trailing_comma(), items.is_empty());
    let (mut own, mut before) = (String::new(), None);
    if let Some(last) = items.iter_mut().last() {
        before = Some(raw(last.decor().prefix()));
        own = if has_comma { own } else { take_suffix(last) };
    }
    let Gap { lead, closing } = Gap::new(own + &raw(Some(items.trailing())), before.as_deref());
    items.set_trailing_comma(has_comma || is_empty && closing.starts_with('\n'));
    items.set_trailing(closing);
    item.decor_mut().set_prefix(lead);
    item.decor_mut().set_suffix("");
    items.push_formatted(item);
}

/// What stands around something that is put at the end of a list.
struct Gap {
    lead: String,
    closing: String,
}

impl Gap {
    /// `tail` stands between the last item and the bracket, `before` before that item, if there is one.
    fn new(tail: String, before: Option<&str>) -> Self {
        let indent = before.and_then(|before| before.rsplit_once('\n')).map(|(_, indent)| indent.to_owned());
        match (tail.rsplit_once('\n'), indent, before) {
            // Comments after the last item stay where they are.
            (Some((kept, closing)), indent, _) => {
                let indent = indent.unwrap_or_else(|| format!("{closing}    "));
                Self { lead: format!("{kept}\n{indent}"), closing: format!("\n{closing}") }
            }
            (None, Some(indent), _) => Self { lead: format!("\n{indent}"), closing: tail },
            (None, None, Some(_)) => Self { lead: " ".to_owned(), closing: tail },
            (None, None, None) => Self { lead: tail.clone(), closing: tail },
        }
    }
}

/// Adds a table to those of `[[scope.signers]]`, written as the last one.
fn push_table(tables: &mut ArrayOfTables, added: &Added) -> Result<(), NotEdited> {
    let Value::InlineTable(members) = added.value()? else { return Err(NotEdited::NotAPolicy) };
    let mut table = members.into_table();
    table.fmt();
    if let Some(last) = tables.iter().last() {
        let (before, indent) = (raw(last.decor().prefix()), indent_of_keys(last));
        let gap = if before.starts_with('\n') { "\n" } else { "" };
        table.decor_mut().set_prefix(format!("{gap}{}", indent_of(&before)));
        for (mut key, _) in table.iter_mut() {
            key.leaf_decor_mut().set_prefix(indent.as_str());
        }
    }
    tables.push(table);
    Ok(())
}

/// The last value of an inline table, also inside of `a.b = …`.
fn last_leaf(table: &mut InlineTable) -> Option<&mut Value> {
    let last = table.iter_mut().last()?.1;
    if !last.as_inline_table().is_some_and(InlineTable::is_dotted) {
        return Some(last);
    }
    last_leaf(last.as_inline_table_mut()?)
}

fn take_suffix(value: &mut Value) -> String {
    let suffix = raw(value.decor().suffix());
    value.decor_mut().set_suffix("");
    suffix
}

fn indent_of_keys(table: &Table) -> String {
    let first = table.iter().next().and_then(|(name, _)| table.key(name));
    first.map(|key| indent_of(&raw(key.leaf_decor().prefix())).to_owned()).unwrap_or_default()
}

/// The white space before something in its line.
fn indent_of(before: &str) -> &str {
    before.rsplit_once('\n').map_or(before, |(_, indent)| indent)
}

fn raw(text: Option<&RawString>) -> String {
    text.and_then(RawString::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
