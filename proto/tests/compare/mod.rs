//! Compares two descriptor sets and names what a client of the first would miss in the second.
//!
//! Invariant: additions are silent; everything else that changes wire bytes, JSON names or
//! generated code is one line of text. Only package `sanjiang.v1` is looked at. Not here: where
//! the two sets come from.

use std::collections::BTreeMap;

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

/// The package that is guarded.
const PACKAGE: &str = "sanjiang.v1";

/// Everything with a name, by its full name, whichever file it stands in.
#[derive(Default)]
struct Names<'a> {
    messages: BTreeMap<String, &'a DescriptorProto>,
    enums: BTreeMap<String, &'a EnumDescriptorProto>,
    services: BTreeMap<String, &'a ServiceDescriptorProto>,
}

impl<'a> Names<'a> {
    fn of(set: &'a FileDescriptorSet) -> Self {
        let mut names = Self::default();
        for file in set.file.iter().filter(|file| file.package() == PACKAGE) {
            let scope = format!(".{PACKAGE}");
            names.add_enums(&scope, &file.enum_type);
            for message in &file.message_type {
                names.add_message(&scope, message);
            }
            for service in &file.service {
                let name = format!("{scope}.{}", service.name());
                names.services.insert(name, service);
            }
        }
        names
    }

    fn add_message(&mut self, scope: &str, message: &'a DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        self.add_enums(&name, &message.enum_type);
        for nested in &message.nested_type {
            self.add_message(&name, nested);
        }
        self.messages.insert(name, message);
    }

    fn add_enums(&mut self, scope: &str, enums: &'a [EnumDescriptorProto]) {
        for each in enums {
            self.enums.insert(format!("{scope}.{}", each.name()), each);
        }
    }
}

/// One line for each change from `before` to `after` that breaks a client.
pub fn breaking_changes(before: &FileDescriptorSet, after: &FileDescriptorSet) -> Vec<String> {
    let (before, after) = (Names::of(before), Names::of(after));
    let mut changes = Vec::new();
    for (name, message) in &before.messages {
        match after.messages.get(name) {
            Some(now) => compare_fields(name, message, now, &mut changes),
            None => changes.push(format!("message {name} is gone")),
        }
    }
    for (name, each) in &before.enums {
        match after.enums.get(name) {
            Some(now) => compare_values(name, each, now, &mut changes),
            None => changes.push(format!("enum {name} is gone")),
        }
    }
    for (name, service) in &before.services {
        match after.services.get(name) {
            Some(now) => compare_methods(name, service, now, &mut changes),
            None => changes.push(format!("service {name} is gone")),
        }
    }
    changes
}

fn compare_fields(
    name: &str,
    before: &DescriptorProto,
    after: &DescriptorProto,
    changes: &mut Vec<String>,
) {
    for field in &before.field {
        let title = format!("field {name}.{} ({})", field.name(), field.number());
        let now = after
            .field
            .iter()
            .find(|each| each.number() == field.number());
        let Some(now) = now else {
            changes.push(format!("{title} is gone"));
            continue;
        };
        if now.name() != field.name() {
            changes.push(format!("{title} is now called {}", now.name()));
        }
        let (was, is) = (field_type(before, field), field_type(after, now));
        if was != is {
            changes.push(format!("{title} was {was}, is now {is}"));
        }
    }
}

/// The type of a field as it is written, with its oneof.
fn field_type(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let kind = if matches!(field.r#type(), Type::Message | Type::Enum) {
        field.type_name().to_owned()
    } else {
        let word = field.r#type().as_str_name();
        word.trim_start_matches("TYPE_").to_lowercase()
    };
    let label = if field.proto3_optional() {
        "optional "
    } else if field.label() == Label::Repeated {
        "repeated "
    } else {
        ""
    };
    let oneof = field
        .oneof_index
        .filter(|_| !field.proto3_optional())
        .and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?))
        .filter(|oneof| oneof.name() != format!("_{}", field.name()));
    match oneof {
        Some(oneof) => format!("{label}{kind} in oneof {}", oneof.name()),
        None => format!("{label}{kind}"),
    }
}

fn compare_values(
    name: &str,
    before: &EnumDescriptorProto,
    after: &EnumDescriptorProto,
    changes: &mut Vec<String>,
) {
    for value in &before.value {
        let title = format!("enum value {name}.{} ({})", value.name(), value.number());
        match after
            .value
            .iter()
            .find(|each| each.number() == value.number())
        {
            None => changes.push(format!("{title} is gone")),
            Some(now) if now.name() != value.name() => {
                changes.push(format!("{title} is now called {}", now.name()));
            }
            Some(_) => {}
        }
    }
}

fn compare_methods(
    name: &str,
    before: &ServiceDescriptorProto,
    after: &ServiceDescriptorProto,
    changes: &mut Vec<String>,
) {
    for method in &before.method {
        let title = format!("rpc {name}.{}", method.name());
        match after
            .method
            .iter()
            .find(|each| each.name() == method.name())
        {
            None => changes.push(format!("{title} is gone")),
            Some(now) => {
                let (was, is) = (signature(method), signature(now));
                if was != is {
                    changes.push(format!("{title} was {was}, is now {is}"));
                }
            }
        }
    }
}

/// What an rpc takes and gives, as it is written.
fn signature(method: &MethodDescriptorProto) -> String {
    let word = |streams: bool| if streams { "stream " } else { "" };
    format!(
        "({}{}) returns ({}{})",
        word(method.client_streaming()),
        method.input_type(),
        word(method.server_streaming()),
        method.output_type()
    )
}
