use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

/// Something a client does.
#[derive(Debug, Clone)]
enum Deed {
    Initialize(&'static str),
    Ask {
        method: &'static str,
        modern: bool,
    },
    Batch(usize),
    /// Cancels one of the last requests.
    Cancel(usize),
    Garbage(String),
}

fn deed() -> impl Strategy<Value = Deed> {
    let versions = prop::sample::select(vec!["2024-11-05", "2025-03-26", "2025-11-25"]);
    let methods = prop::sample::select(vec![
        "tools/list",
        "tools/call",
        "prompts/get",
        "resources/read",
        "ping",
        "server/discover",
        "subscriptions/listen",
        "logging/setLevel",
        "resources/subscribe",
        "nonsense",
    ]);
    prop_oneof![
        1 => versions.prop_map(Deed::Initialize),
        8 => (methods, any::<bool>()).prop_map(|(method, modern)| Deed::Ask { method, modern }),
        1 => (1..4usize).prop_map(Deed::Batch),
        3 => (0..4usize).prop_map(Deed::Cancel),
        1 => ".{0,20}".prop_map(Deed::Garbage),
    ]
}

/// A server that answers at once, with a question, with an error, or not at all.
fn moody() -> impl Fn(Request, Answers) + Send + Sync {
    let count = std::sync::atomic::AtomicUsize::new(0);
    move |_, answers| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 4 {
        0 => done(&answers, json!({ "resultType": "complete" })),
        1 => {
            let question = json!({ "a": { "method": "roots/list" } });
            done(&answers, json!({ "resultType": "input_required", "inputRequests": question }));
        }
        2 => failed(&answers, -32602),
        _ => drop(answers),
    }
}

/// The number of answers to each request, the requests, and those among them that were cancelled.
async fn play(deeds: Vec<Deed>) -> (HashMap<i64, usize>, i64, HashSet<i64>) {
    let mut client = connect(moody());
    let (mut asked, mut cancellations) = (0, HashSet::new());
    let mut heard = Vec::new();
    for deed in deeds {
        let mut next = |method: &str, params| {
            asked += 1;
            request(asked, method, params)
        };
        let params = json!({ "name": "x", "uri": "a:b", "level": "info", "notifications": {} });
        match deed {
            Deed::Initialize(version) => {
                let params = json!({ "protocolVersion": version, "capabilities": { "roots": {} } });
                client.say(next("initialize", params)).await;
            }
            Deed::Ask { method, modern: true } => client.say(next(method, modern(params))).await,
            Deed::Ask { method, modern: false } => client.say(next(method, params)).await,
            // Where batches are refused, there is one answer to all.
            Deed::Batch(count) if client.session.legacy().is_some_and(|legacy| legacy.revision.has_batches()) => {
                let batch: Vec<_> = (0..count).map(|_| next("tools/call", params.clone())).collect();
                client.say(Value::from(batch)).await;
            }
            Deed::Batch(_) => {}
            Deed::Cancel(back) => {
                let id = asked - i64::try_from(back).unwrap();
                cancellations.insert(id);
                client.say(cancelled(id)).await;
            }
            Deed::Garbage(text) => client.say(text).await,
        }
        while let Ok(outgoing) = client.outgoing.try_recv() {
            heard.push(serde_json::to_value(outgoing).unwrap());
        }
    }
    heard.extend(client.leave().await);
    let mut answers = HashMap::new();
    let single = |outgoing: Value| match outgoing {
        Value::Array(batch) => batch,
        message => vec![message],
    };
    for message in heard.into_iter().flat_map(single).filter(|message| message.get("method").is_none()) {
        *answers.entry(message["id"].as_i64().unwrap_or(0)).or_insert(0) += 1;
    }
    (answers, asked, cancellations)
}

proptest! {
    #[test]
    fn every_request_is_answered_once_unless_it_was_cancelled(deeds in prop::collection::vec(deed(), 0..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (answers, asked, cancellations) = runtime.block_on(play(deeds));
        for id in 1..=asked {
            let count = answers.get(&id).copied().unwrap_or(0);
            prop_assert!(count == 1 || (count == 0 && cancellations.contains(&id)), "{} answers to {}", count, id);
        }
    }
}
