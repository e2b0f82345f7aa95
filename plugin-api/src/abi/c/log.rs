//! The host of a caller that is not written in Rust: its log, and the memory that it grants.

use std::ffi::{CString, c_void};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::types::{CEvent, CFactoryOptions};
use crate::{Callsite, CallsiteKind, FieldValue, Fields, Host, Level, Measurement, MemoryPressure};

type LogFn = unsafe extern "C" fn(context: *mut c_void, event: *const CEvent);

/// Where the plugin's log goes. Read for the time of a call of the callback, so that whoever removes it waits.
static LOG: RwLock<Option<Log>> = RwLock::new(None);

/// Every callsite that was made known; its number is its place and one.
static CALLSITES: RwLock<Vec<Callsite>> = RwLock::new(Vec::new());

struct Log {
    number: u64,
    level: Level,
    call: LogFn,
    context: *mut c_void,
}

// SAFETY: the caller says that the callback may be called from any thread, with this context.
unsafe impl Send for Log {}
// SAFETY: and from several at a time.
unsafe impl Sync for Log {}

/// Takes the caller's log into use; 0 if it has none.
pub(super) fn set(options: &CFactoryOptions) -> u64 {
    let Some(call) = options.log else {
        return 0;
    };
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    *LOG.write().unwrap_or_else(PoisonError::into_inner) = Some(Log {
        number,
        level: match options.log_level {
            0 | 3 => Level::Info,
            1 => Level::Error,
            2 => Level::Warn,
            4 => Level::Debug,
            _ => Level::Trace,
        },
        call,
        context: options.log_context,
    });
    crate::telemetry::refresh();
    number
}

/// Does not use this log any more; a running call of its callback has ended when this returns.
pub(super) fn remove(number: u64) {
    let mut log = LOG.write().unwrap_or_else(PoisonError::into_inner);
    if number != 0 && log.as_ref().is_some_and(|log| log.number == number) {
        *log = None;
        drop(log);
        crate::telemetry::refresh();
    }
}

/// The host that the plugin sees.
pub(super) struct CHost {
    pub(super) memory_budget: u64,
}

impl Host for CHost {
    fn max_level(&self) -> Option<Level> {
        let log = LOG.read().unwrap_or_else(PoisonError::into_inner);
        log.as_ref().map(|log| log.level)
    }

    fn register_callsite(&self, callsite: &Callsite) -> u64 {
        let mut callsites = CALLSITES.write().unwrap_or_else(PoisonError::into_inner);
        callsites.push(callsite.clone());
        callsites.len() as u64
    }

    fn is_enabled(&self, callsite: u64) -> bool {
        let callsites = CALLSITES.read().unwrap_or_else(PoisonError::into_inner);
        let callsite = callsites.get((callsite as usize).wrapping_sub(1));
        callsite.is_some_and(|callsite| {
            callsite.kind == CallsiteKind::Event && self.max_level().is_some_and(|max| callsite.level <= max)
        })
    }

    fn event(&self, callsite: u64, _parent: u64, fields: &Fields) {
        let Some(callsite) = CALLSITES
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get((callsite as usize).wrapping_sub(1))
            .cloned()
        else {
            return;
        };
        let log = LOG.read().unwrap_or_else(PoisonError::into_inner);
        let Some(log) = log.as_ref().filter(|log| callsite.level <= log.level) else {
            return;
        };
        let (target, file) = (c_text(&callsite.target), c_text(&callsite.file));
        let message = c_text(&one_text(&callsite, fields));
        let event = CEvent {
            struct_size: size_of::<CEvent>(),
            level: callsite.level as u32,
            line: callsite.line,
            target: target.as_ptr(),
            file: file.as_ptr(),
            message: message.as_ptr(),
        };
        // SAFETY: the caller says that the callback takes its context and an event, from any thread, until the
        // factory has been released, which waits for the lock that is held here.
        unsafe { (log.call)(log.context, &raw const event) };
    }

    fn new_span(&self, _: u64, _: u64, _: &Fields) -> u64 {
        0
    }

    fn record(&self, _: u64, _: &Fields) {}

    fn enter_span(&self, _: u64) {}

    fn exit_span(&self, _: u64) {}

    fn close_span(&self, _: u64) {}

    fn measure(&self, _: &Measurement<'_>) {}

    fn memory_budget(&self) -> u64 {
        self.memory_budget
    }

    fn memory_pressure(&self) -> MemoryPressure {
        MemoryPressure::Low
    }
}

/// The message, and the fields behind it.
fn one_text(callsite: &Callsite, fields: &Fields) -> String {
    let mut text = String::new();
    let name = |index: u32| callsite.fields.get(index as usize).map_or("", String::as_str);
    let is_message = |field: &&(u32, FieldValue)| name(field.0) == "message";
    for (_, value) in fields.iter().filter(is_message) {
        write_value(&mut text, value);
    }
    for (index, value) in fields.iter().filter(|field| !is_message(field)) {
        let space = if text.is_empty() { "" } else { " " };
        // Writing to a String does not fail.
        let _ = write!(text, "{space}{}=", name(*index));
        write_value(&mut text, value);
    }
    text
}

fn write_value(text: &mut String, value: &FieldValue) {
    let _ = match value {
        FieldValue::I64(number) => write!(text, "{number}"),
        FieldValue::U64(number) => write!(text, "{number}"),
        FieldValue::F64(number) => write!(text, "{number}"),
        FieldValue::Bool(truth) => write!(text, "{truth}"),
        FieldValue::Text(value) | FieldValue::Formatted(value) => write!(text, "{value}"),
    };
}

/// A NUL inside would end it: it is left out.
fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "")).unwrap_or_default()
}
