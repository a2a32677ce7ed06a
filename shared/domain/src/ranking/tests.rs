//! Rankings over a small list of our own: what is found, in which order, and that hostile texts cost nothing.

use serde_json::json;

use super::*;

/// Id, name, description, an input.
const TOOLS: [(&str, &str, &str, &str); 20] = [
    (
        "weather_now",
        "Current weather",
        "Temperature and wind at a place",
        "city",
    ),
    (
        "weather_forecast",
        "Forecast",
        "The weather of the next days at a place",
        "city",
    ),
    (
        "send_message",
        "Send message",
        "Posts a text to a channel",
        "channel",
    ),
    (
        "delete_message",
        "Delete message",
        "Removes a text from a channel",
        "message_id",
    ),
    (
        "list_channels",
        "List channels",
        "All channels of a workspace",
        "limit",
    ),
    (
        "create_task",
        "Create task",
        "A new task in a project",
        "project_id",
    ),
    (
        "update_task",
        "Update task",
        "Changes title, assignee or due date of a task",
        "task_id",
    ),
    (
        "get_task",
        "Get task",
        "One task with everything that is known of it",
        "task_id",
    ),
    (
        "list_tasks",
        "List tasks",
        "The tasks of a project",
        "project_id",
    ),
    (
        "delete_task",
        "Delete task",
        "Removes a task for good",
        "task_id",
    ),
    (
        "createWebHook",
        "Create webhook",
        "Calls an address when something changes",
        "target_url",
    ),
    (
        "list_invoices",
        "List invoices",
        "Bills of a customer by date",
        "customer",
    ),
    (
        "refund_payment",
        "Refund payment",
        "Pays money back to a customer",
        "payment_id",
    ),
    (
        "create_customer",
        "Create customer",
        "A new customer with name and e-mail address",
        "email",
    ),
    (
        "search_contacts",
        "Search contacts",
        "Finds people by name, company or phone",
        "query",
    ),
    (
        "translate_text",
        "Translate",
        "A text in another language",
        "language",
    ),
    (
        "exchange_rate",
        "Exchange rate",
        "What one currency costs in another",
        "currency",
    ),
    (
        "upload_file",
        "Upload file",
        "Stores a document in a folder",
        "folder",
    ),
    (
        "stock_quote",
        "Stock quote",
        "The latest price of one listed share",
        "symbol",
    ),
    ("yohou", "予報", "天気予報を取得します", "都市"),
];

/// A request and the tool that it asks for.
const REQUESTS: [(&str, &str); 24] = [
    ("What's the temperature in SF right now?", "weather_now"),
    (
        "Will the weather be fine in the next days?",
        "weather_forecast",
    ),
    (
        "Tell the #general channel: we are live. Send it as a message",
        "send_message",
    ),
    (
        "please remove that message from the channel",
        "delete_message",
    ),
    ("which channels are there", "list_channels"),
    ("Make a new task for the release", "create_task"),
    (
        "Edit the task: it is due on Friday, assign it to bob",
        "update_task",
    ),
    ("show me task 17", "get_task"),
    ("What are all the tasks in this project?", "list_tasks"),
    ("get rid of this task", "delete_task"),
    ("Register a web-hook for changes", "createWebHook"),
    ("webhooks", "createWebHook"),
    ("Which invoices does ACME have?", "list_invoices"),
    (
        "the customer wants a refund of the payment",
        "refund_payment",
    ),
    ("Add a customer called Ada", "create_customer"),
    ("Look up Smith in my contacts", "search_contacts"),
    ("Translate this into French", "translate_text"),
    (
        "How many euros is a dollar? Use the currency's rate",
        "exchange_rate",
    ),
    ("Put this document into the folder reports", "upload_file"),
    ("uploading a file", "upload_file"),
    ("price of the IBM share", "stock_quote"),
    ("STOCK_QUOTE", "stock_quote"),
    ("明日の天気予報は?", "yohou"),
    ("deletion of tasks", "delete_task"),
];

fn words() -> Vec<Words> {
    let of = |(id, name, description, input): &(&str, &str, &str, &str)| {
        let schema = json!({ "properties": { *input: { "type": "string" } } });
        Words::of([*id, *name], ["own"], description, &schema)
    };
    TOOLS.iter().map(of).collect()
}

fn found(index: &Index, text: &str) -> Vec<&'static str> {
    let hits = index.search(text);
    hits.iter().map(|hit| TOOLS[hit.position].0).collect()
}

#[test]
fn what_is_asked_for_is_among_the_first() {
    let index = Index::new(&words());
    let rank = |(text, wanted): &(&str, &str)| {
        let place = found(&index, text).iter().position(|id| id == wanted);
        place.unwrap_or(usize::MAX)
    };
    let ranks: Vec<usize> = REQUESTS.iter().map(rank).collect();
    let within = |most: usize| ranks.iter().filter(|rank| **rank < most).count();
    let late: Vec<_> = REQUESTS
        .iter()
        .zip(&ranks)
        .filter(|(_, rank)| **rank > 0)
        .collect();
    assert!(
        within(1) >= 21,
        "first: {} of {}: {late:?}",
        within(1),
        REQUESTS.len()
    );
    assert_eq!(within(3), REQUESTS.len(), "{late:?}");
}

#[test]
fn texts_without_a_known_word_find_nothing() {
    let index = Index::new(&words());
    for text in [
        "",
        "   ",
        "the of and",
        "\u{0}\u{202e}",
        "🦀🦀",
        "qwertzuiop",
    ] {
        assert_eq!(found(&index, text), Vec::<&str>::new(), "{text:?}");
    }
    assert!(Index::new([]).search("weather").is_empty());
}

#[test]
fn equally_good_tools_stand_in_their_own_order() {
    let same = vec![Words::of(["ping"], [], "", &json!({})); 5];
    let places: Vec<usize> = Index::new(&same)
        .search("ping")
        .iter()
        .map(|hit| hit.position)
        .collect();
    assert_eq!(places, [0, 1, 2, 3, 4]);
}

#[test]
fn saying_a_word_often_does_not_win() {
    let honest = Words::of(
        ["send_mail", "Send mail"],
        [],
        "Sends an e-mail",
        &json!({}),
    );
    let loud = Words::of(["other"], [], &"send mail ".repeat(1_000), &json!({}));
    let index = Index::new([&loud, &honest]);
    assert_eq!(index.search("send a mail")[0].position, 1);
}

#[test]
fn long_texts_are_read_in_part() {
    let index = Index::new(&words());
    let text = format!("weather {}", "translate ".repeat(100_000));
    assert!(found(&index, &text).contains(&"weather_now"));
    let flood: String = (0..100_000).map(|n| format!("w{n} ")).collect();
    assert_eq!(
        super::wanted(&flood).len().min(1_000),
        super::wanted(&flood).len()
    );
    let many = json!({ "properties": (0..10_000).map(|n| (format!("in{n}x"), json!({}))).collect::<serde_json::Map<_, _>>() });
    let wide = Words::of(["wide"], [], &"ü".repeat(10_000), &many);
    assert!(wide.counts.len() < 1_000);
}
