//! Callsites of plugins as callsites of the host's `tracing`.
//!
//! `tracing` wants them to live for ever, so each is leaked; the same callsite, be it of a second
//! host object for the same plugin, is leaked once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{LazyLock, OnceLock, PoisonError, RwLock};

use plugin_api::{Callsite, CallsiteKind, FieldValue, Fields, Level};
use tracing_core::field::{FieldSet, Value, ValueSet, display};
use tracing_core::metadata::Kind;
use tracing_core::{Dispatch, Interest, Metadata, callsite, identify_callsite};

/// The field that names the plugin.
const PLUGIN_FIELD: &str = "plugin";

/// A plugin's callsite in the host.
pub(super) struct HostCallsite {
    /// Set before anybody else can see the callsite.
    metadata: OnceLock<Metadata<'static>>,
    /// What the subscribers of the process want of it: an [`Interest`] as a number.
    interest: AtomicU8,
    /// Whether the last field is [`PLUGIN_FIELD`], which the plugin does not know of.
    labelled: bool,
}

const NEVER: u8 = 0;
const SOMETIMES: u8 = 1;
const ALWAYS: u8 = 2;

impl callsite::Callsite for HostCallsite {
    fn set_interest(&self, interest: Interest) {
        self.interest.store(number_of(&interest), Ordering::Release);
    }

    fn metadata(&self) -> &Metadata<'_> {
        self.metadata
            .get()
            .expect("set before the callsite was handed out")
    }
}

fn number_of(interest: &Interest) -> u8 {
    if interest.is_never() {
        NEVER
    } else if interest.is_always() {
        ALWAYS
    } else {
        SOMETIMES
    }
}

impl HostCallsite {
    pub(super) fn metadata(&'static self) -> &'static Metadata<'static> {
        self.metadata
            .get()
            .expect("set before the callsite was handed out")
    }

    /// Whether the subscribers of the process, or this one, may want it.
    pub(super) fn is_interesting(&'static self, fixed: Option<&Dispatch>) -> bool {
        match fixed {
            Some(dispatch) => !dispatch.register_callsite(self.metadata()).is_never(),
            None => self.interest.load(Ordering::Acquire) != NEVER,
        }
    }

    /// Calls `f` with the values in the form of `tracing`. A field that the callsite does not have
    /// is left out.
    pub(super) fn with_values<T>(
        &'static self,
        fields: &Fields,
        plugin_name: &str,
        f: impl FnOnce(&ValueSet<'_>) -> T,
    ) -> T {
        let set = self.metadata().fields();
        let of_plugin = set.len() - usize::from(self.labelled);
        // What the plugin formatted is shown as it is; a text may be quoted.
        let formatted: Vec<_> = fields
            .iter()
            .map(|(_, value)| match value {
                FieldValue::Formatted(text) => display(text.as_str()),
                _ => display(""),
            })
            .collect();
        let mut values: Vec<Option<&dyn Value>> = vec![None; set.len()];
        for ((index, value), formatted) in fields.iter().zip(&formatted) {
            if (*index as usize) < of_plugin {
                values[*index as usize] = Some(match value {
                    FieldValue::I64(value) => value,
                    FieldValue::U64(value) => value,
                    FieldValue::F64(value) => value,
                    FieldValue::Bool(value) => value,
                    FieldValue::Text(value) => value,
                    FieldValue::Formatted(_) => formatted,
                });
            }
        }
        if self.labelled
            && let Some(last) = values.last_mut()
        {
            *last = Some(&plugin_name as &dyn Value);
        }
        f(&set.value_set_all(&values))
    }
}

#[derive(PartialEq, Eq, Hash)]
struct Content {
    is_span: bool,
    name: String,
    target: String,
    level: Level,
    file: String,
    line: u32,
    fields: Vec<String>,
    labelled: bool,
}

#[derive(Default)]
struct Registry {
    numbers: HashMap<Content, u64>,
    /// By number, from 1.
    callsites: Vec<&'static HostCallsite>,
}

static REGISTRY: LazyLock<RwLock<Registry>> = LazyLock::new(RwLock::default);

/// The callsite with this number.
pub(super) fn get(number: u64) -> Option<&'static HostCallsite> {
    let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    registry.callsites.get(index).copied()
}

/// The number of a plugin's callsite; with the field for the plugin's name if `labelled`.
pub(super) fn register(callsite: &Callsite, labelled: bool) -> u64 {
    let content = Content {
        is_span: callsite.kind == CallsiteKind::Span,
        name: callsite.name.clone(),
        target: callsite.target.clone(),
        level: callsite.level,
        file: callsite.file.clone(),
        line: callsite.line,
        fields: callsite.fields.clone(),
        // A field of the plugin's own by that name stays its own.
        labelled: labelled && !callsite.fields.iter().any(|field| field == PLUGIN_FIELD),
    };
    let made: &'static HostCallsite;
    let number: u64;
    {
        let mut registry = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = registry.numbers.get(&content) {
            return number;
        }
        made = leak(&content);
        registry.callsites.push(made);
        number = registry.callsites.len() as u64;
        registry.numbers.insert(content, number);
    }
    // Without the lock: this asks every subscriber, and each may log.
    callsite::register(made);
    number
}

fn leak(content: &Content) -> &'static HostCallsite {
    let made: &'static HostCallsite = Box::leak(Box::new(HostCallsite {
        metadata: OnceLock::new(),
        // Until the subscribers have been asked, each is asked every time.
        interest: AtomicU8::new(SOMETIMES),
        labelled: content.labelled,
    }));
    let label = content.labelled.then_some(PLUGIN_FIELD);
    let names: Vec<&'static str> = content
        .fields
        .iter()
        .map(|field| leak_text(field))
        .chain(label)
        .collect();
    made.metadata.get_or_init(|| {
        Metadata::new(
            leak_text(&content.name),
            leak_text(&content.target),
            tracing_level(content.level),
            (!content.file.is_empty()).then(|| leak_text(&content.file)),
            (content.line != 0).then_some(content.line),
            Some(leak_text(&content.target)),
            FieldSet::new(Vec::leak(names), identify_callsite!(made)),
            if content.is_span { Kind::SPAN } else { Kind::EVENT },
        )
    });
    made
}

fn leak_text(text: &str) -> &'static str {
    String::leak(text.to_owned())
}

fn tracing_level(level: Level) -> tracing_core::Level {
    match level {
        Level::Error => tracing_core::Level::ERROR,
        Level::Warn => tracing_core::Level::WARN,
        Level::Info => tracing_core::Level::INFO,
        Level::Debug => tracing_core::Level::DEBUG,
        Level::Trace => tracing_core::Level::TRACE,
    }
}
