-- What the agent loop keeps of a conversation besides: all that its usage says, the tools that were not offered, what was odd.
-- `items` holds the whole history, so that a conversation is continued with one read; the json value null says that it is too
-- large to be kept.
alter table orchestration.conversations
    add column cached_input_tokens bigint not null default 0 check (cached_input_tokens >= 0),
    add column reasoning_tokens bigint not null default 0 check (reasoning_tokens >= 0),
    add column total_tokens bigint not null default 0 check (total_tokens >= 0),
    -- Which model server answered, as a hash: another one cannot open the reasoning that this one sealed.
    add column server text check (char_length(server) <= 64),
    add column withheld json not null default '[]',
    add column warnings json not null default '[]';
grant update (cached_input_tokens, reasoning_tokens, total_tokens, withheld, warnings)
    on orchestration.conversations to authenticated;
grant insert (server) on orchestration.conversations to authenticated;

-- Runs that a killed process left behind; the sweep looks for them by age.
create index conversations_running on orchestration.conversations (created_at) where status = 'running';
-- Those whose time is over; the sweep removes the oldest first.
create index conversations_created on orchestration.conversations (created_at);
