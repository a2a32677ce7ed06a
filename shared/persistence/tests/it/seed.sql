-- One row of alice's in every table (what create_workspace made is there already), so that a neighbour's view of each can be
-- compared with it.
do $$
declare
    ws uuid := (select w.id from identity.workspaces w where w.slug = 'alice');
    alice uuid := (select m.user_id from identity.memberships m where m.workspace_id = ws);
    one uuid := gen_random_uuid();
    digest text := repeat('a', 64);
begin
    insert into identity.invitations (workspace_id, email, role) values (ws, 'carol@example.com', 'viewer');
    insert into identity.api_keys (workspace_id, name, prefix, hash, role, created_by)
    values (ws, 'machine', 'dtk_', sha256('key'), 'member', alice);

    insert into catalog.tools (workspace_id, id, name, description, version, hash, revision)
    values (ws, 'quote', 'Quote', '', 1, digest, 0);
    insert into catalog.tool_versions (workspace_id, tool_id, version, hash, document) values (ws, 'quote', 1, digest, '{}');
    insert into catalog.prompts (workspace_id, id, name, version, hash) values (ws, 'hello', 'Hello', 1, digest);
    insert into catalog.prompt_versions (workspace_id, prompt_id, version, hash, document) values (ws, 'hello', 1, digest, '{}');
    insert into catalog.publications (id, workspace_id, tool_id, version, hash, manifest, slug, name, description, withdrawn_at)
    values (one, ws, 'quote', 1, digest, '{}', 'alice_quote', 'Quote', '', now());
    insert into catalog.installs (workspace_id, tool_id, publication_id, version, hash, local_hash)
    values (ws, 'quote', one, 1, digest, digest);
    insert into registry.reviews (publication_id, workspace_id, user_id, rating) values (one, ws, alice, 4);

    insert into secrets.secret_providers (workspace_id, name, kind) values (ws, 'vault', 'environment');
    insert into secrets.data_keys (id, workspace_id, wrapped, master_key_id) values (one, ws, sha256('k'), 'local');
    insert into secrets.secrets (id, workspace_id, name, provider, nonce, ciphertext, data_key_id)
    values (one, ws, 'API_KEY', 'builtin', '\x000102030405060708090a0b', sha256('v'), one);
    insert into secrets.connections (id, workspace_id, name, kind, fingerprint) values (one, ws, 'crm', 'two_step', sha256('f'));
    insert into secrets.authorizations
        (id, workspace_id, connection_id, started_by, tool_id, state_hash, nonce, ciphertext, data_key_id)
    values (one, ws, one, alice, 'quote', sha256('s'), '\x000102030405060708090a0b', sha256('v'), one);
    insert into secrets.audit (workspace_id, actor, action, subject_kind, subject)
    values (ws, alice, 'secret.create', 'secret', 'API_KEY');
    insert into secrets.audit_heads (workspace_id) values (ws);

    insert into orchestration.flows (workspace_id, id, name, version, hash, revision) values (ws, 'brief', 'Brief', 1, digest, 0);
    insert into orchestration.flow_versions (workspace_id, flow_id, version, hash, document) values (ws, 'brief', 1, digest, '{}');
    insert into orchestration.runs (id, workspace_id, flow_id, flow_version) values (one, ws, 'brief', 1);
    insert into orchestration.run_steps (run_id, step_id, workspace_id, kind, status) values (one, 'a', ws, 'tool', 'ready');
    insert into orchestration.step_attempts (run_id, step_id, attempt, workspace_id, outcome, finished_at)
    values (one, 'a', 1, ws, 'succeeded', now());
    insert into orchestration.run_events (run_id, seq, workspace_id, kind, at) values (one, 1, ws, 'run.started', now());
    insert into orchestration.signals (run_id, step_id, workspace_id) values (one, 'a', ws);
    insert into orchestration.heartbeats (name) values ('sweep');
    insert into orchestration.conversations (id, workspace_id, model, prompt) values (one, ws, 'gpt', 'Hello');
    insert into orchestration.models (workspace_id, base_url, api_key) values (ws, 'https://models.example.com/v1', 'API_KEY');
    insert into orchestration.idempotency (workspace_id, scope, key, request_hash, execution_id, lease_until)
    values (ws, 'tool:quote', 'k', sha256('r'), one, now());
    insert into orchestration.slots (workspace_id, subject, execution_id, until) values (ws, 'tool:quote', one, now());
    insert into orchestration.limits (workspace_id, subject, capacity, per_second, level) values (ws, 'tool:quote', 1, 1, 1);
    insert into orchestration.executions (workspace_id, id, tool_id, door, success, input, started_at, duration_us)
    values (ws, one, 'quote', 'rest', true, '{}', now(), 1);
    insert into orchestration.outputs (workspace_id, id, execution_id, created_by, rests) values (ws, one, one, alice, '[]');
    insert into orchestration.execution_rollups (workspace_id, grain, tool_id, at, door, outcome, bucket, calls, duration_us)
    values (ws, 'hour', 'quote', date_trunc('hour', now(), 'UTC'), 'rest', '', 1, 1, 100);
    insert into orchestration.token_rollups
        (workspace_id, grain, at, model, runs, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, total_tokens)
    values (ws, 'hour', date_trunc('hour', now(), 'UTC'), 'gpt', 1, 1, 0, 1, 0, 2);
end
$$
