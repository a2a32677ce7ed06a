//! Rules that hold for every table, view and function of the five schemas, also for those added later.

use crate::cluster::{Database, column};

/// Without the parts of a table: nobody is granted anything on them, so its policies decide ([parts_are_nobodys]).
const TABLES: &str = "
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('identity', 'secrets', 'catalog', 'orchestration', 'registry')
      and c.relkind in ('r', 'p')
      and not c.relispartition";

async fn none(query: &str) {
    let database = Database::new().await;
    let exceptions = column(&database.sql(query));
    assert!(exceptions.is_empty(), "{exceptions:#?}");
}

#[tokio::test]
async fn every_table_the_product_needs_is_there() {
    let database = Database::new().await;
    let tables = column(&database.sql(&format!(
        "select n.nspname || '.' || c.relname {TABLES} order by 1"
    )));
    for needed in "identity.profiles identity.workspaces identity.memberships identity.invitations
        identity.api_keys secrets.secret_providers secrets.secrets secrets.data_keys
        secrets.connections secrets.authorizations secrets.audit catalog.tools catalog.tool_versions catalog.prompts
        catalog.prompt_versions catalog.publications catalog.installs orchestration.flows
        orchestration.flow_versions orchestration.runs orchestration.run_steps
        orchestration.step_attempts orchestration.run_events
        orchestration.signals orchestration.conversations orchestration.idempotency
        orchestration.limits orchestration.slots orchestration.executions orchestration.execution_rollups
        orchestration.token_rollups orchestration.rollup_state orchestration.outputs
        registry.reviews"
        .split_whitespace()
    {
        assert!(tables.iter().any(|table| table == needed), "{needed}");
    }
}

#[tokio::test]
async fn every_table_has_forced_row_level_security() {
    none(&format!(
        "select c.oid::regclass {TABLES} and not (c.relrowsecurity and c.relforcerowsecurity)"
    ))
    .await;
}

/// The parts of a table are read and written through the table and its policies alone. Were they reached past it all the same, they
/// have no policy, so that forced row-level security shows and takes nothing.
#[tokio::test]
async fn parts_are_nobodys() {
    const PARTS: &str = "
        from pg_class c
        where c.relnamespace::regnamespace::text in ('identity', 'secrets', 'catalog', 'orchestration', 'registry')
          and c.relkind in ('r', 'p')
          and c.relispartition";
    let database = Database::new().await;
    database.sql("select orchestration.add_execution_parts('400 days')");
    let parts = column(&database.sql(&format!("select c.oid::regclass {PARTS}")));
    assert!(parts.len() > 12, "{parts:?}");
    let loose = column(&database.sql(&format!(
        "select c.oid::regclass {PARTS} and (
             not (c.relrowsecurity and c.relforcerowsecurity)
             or exists (select from pg_policy p where p.polrelid = c.oid)
             or exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)
             or exists (
                 select
                 from pg_class above
                 join pg_inherits i on i.inhparent = above.oid
                 where i.inhrelid = c.oid
                   and not (above.relrowsecurity and above.relforcerowsecurity)
             )
         )"
    )));
    assert!(loose.is_empty(), "{loose:#?}");
}

#[tokio::test]
async fn every_table_has_a_policy() {
    none(&format!(
        "select c.oid::regclass {TABLES} and not exists (select from pg_policy p where p.polrelid = c.oid)"
    ))
    .await;
}

#[tokio::test]
async fn no_policy_holds_for_everybody_by_default() {
    none(
        "select p.schemaname || '.' || p.tablename || ' ' || p.policyname from pg_policies p
          where 'public' = any (p.roles) or p.permissive <> 'PERMISSIVE'",
    )
    .await;
}

#[tokio::test]
async fn only_public_things_are_granted_to_anonymous_callers() {
    let database = Database::new().await;
    let granted = column(&database.sql(
        "select distinct g.table_schema || '.' || g.table_name || ' ' || g.privilege_type
         from information_schema.column_privileges g
         where g.grantee in ('anon', 'PUBLIC')
           and g.table_schema in ('identity', 'secrets', 'catalog', 'orchestration', 'registry')
         order by 1",
    ));
    assert_eq!(
        granted,
        [
            "catalog.publications SELECT",
            "registry.marketplace SELECT",
            "registry.marketplace_reviews SELECT",
            "registry.reviews SELECT",
        ]
    );
}

#[tokio::test]
async fn every_tenant_table_knows_its_workspace() {
    none(&format!(
        "select c.oid::regclass {TABLES}
         and c.oid::regclass::text not in
             ('identity.profiles', 'identity.workspaces', 'orchestration.heartbeats', 'orchestration.rollup_state')
         and not exists (
             select from pg_attribute a
             where a.attrelid = c.oid and a.attname = 'workspace_id' and a.attnotnull
         )"
    ))
    .await;
}

#[tokio::test]
async fn every_column_that_a_policy_reads_by_equality_is_indexed() {
    none(
        "select distinct d.objid::regclass || '.' || a.attname
         from (
             select p.polrelid as objid, k.refobjsubid as attnum
             from pg_policy p
             join pg_depend k on k.objid = p.oid and k.classid = 'pg_policy'::regclass
              and k.refobjid = p.polrelid and k.refobjsubid > 0
         ) as d
         join pg_attribute a on a.attrelid = d.objid and a.attnum = d.attnum
         where a.atttypid = 'uuid'::regtype
           and not exists (
               select from pg_index i where i.indrelid = d.objid and i.indkey[0] = a.attnum
           )",
    )
    .await;
}

#[tokio::test]
async fn every_foreign_key_has_an_index_on_its_own_side() {
    none(
        "select k.conrelid::regclass || ' ' || k.conname
         from pg_constraint k
         join pg_namespace n on n.oid = k.connamespace
         where k.contype = 'f'
           and n.nspname in ('identity', 'secrets', 'catalog', 'orchestration', 'registry')
           and not exists (
               select from pg_index i
               where i.indrelid = k.conrelid
                 and (select array_agg(x order by x) from unnest(k.conkey) as x)
                     <@ (select array_agg(y) from unnest(i.indkey[0:cardinality(k.conkey) - 1]) as y)
                  -- Or a key that is part of it leads to the one row.
                  or i.indrelid = k.conrelid and i.indisunique and i.indpred is null
                 and k.conkey @> (select array_agg(y) from unnest(i.indkey) as y)
           )",
    )
    .await;
}

#[tokio::test]
async fn views_ask_as_their_reader() {
    none(
        "select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('identity', 'secrets', 'catalog', 'orchestration', 'registry')
           and c.relkind in ('v', 'm')
           and not coalesce(c.reloptions @> array['security_invoker=true'], false)",
    )
    .await;
}

#[tokio::test]
async fn definer_functions_are_few_and_pin_their_search_path() {
    let database = Database::new().await;
    let ours = "('identity', 'secrets', 'catalog', 'orchestration', 'registry')";
    let loose = column(&database.sql(&format!(
        "select p.oid::regprocedure from pg_proc p
         where p.pronamespace::regnamespace::text in {ours}
           and p.prosecdef
           and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)"
    )));
    assert!(loose.is_empty(), "{loose:#?}");
    let callable = column(&database.sql(&format!(
        "select p.proname from pg_proc p
         where p.pronamespace::regnamespace::text in {ours}
           and p.prosecdef
           and p.prorettype <> 'trigger'::regtype
         order by 1"
    )));
    assert_eq!(
        callable,
        [
            "add_execution_parts",
            "admit",
            "admit_runs",
            "advance_run",
            "answer_invitation",
            "browse",
            "cancel_run",
            "counted_until",
            "create_workspace",
            "delete_workspace",
            "drop_execution_parts",
            "enter",
            "enter_with_key",
            "fetch_for_use",
            "flows_with_held_runs",
            "forget_runs",
            "is_publisher",
            "leave",
            "own_invitations",
            "reach",
            "record_execution",
            "release_token",
            "restore_workspace",
            "resume_run",
            "revoke_connection",
            "save_token",
            "sealing_key",
            "settle",
            "signal_step",
            "start_run",
            "sweep_done",
            "sweep_due",
            "sweep_run",
            "take_answer",
            "take_authorization",
            "take_token",
            "watch",
        ]
    );
}

#[tokio::test]
async fn no_function_is_for_everybody() {
    none(
        "select p.oid::regprocedure from pg_proc p
         cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
         where p.pronamespace::regnamespace::text in
             ('identity', 'secrets', 'catalog', 'orchestration', 'registry')
           and a.grantee = 0",
    )
    .await;
}

#[tokio::test]
async fn the_login_role_may_do_nothing_by_itself() {
    let database = Database::new().await;
    let attributes = database.sql(
        "select r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolinherit
             or r.rolreplication
         from pg_roles r where r.rolname = 'authenticator'",
    );
    assert_eq!(attributes.single(), Some("f"));
    none(
        "select c.relname::text from pg_class c where c.relowner = 'authenticator'::regrole
         union all
         select p.proname::text from pg_proc p where p.proowner = 'authenticator'::regrole",
    )
    .await;
    none(
        "select g.table_schema || '.' || g.table_name from information_schema.column_privileges g
         where g.grantee = 'authenticator'",
    )
    .await;
}

#[tokio::test]
async fn nobody_may_change_or_remove_lines_of_the_audit_and_versions() {
    none(
        "select g.grantee || ' ' || g.privilege_type || ' ' || g.table_name || '.' || g.column_name
         from information_schema.column_privileges g
         where (g.table_schema || '.' || g.table_name) in
             ('secrets.audit', 'catalog.tool_versions', 'catalog.prompt_versions',
              'orchestration.flow_versions')
           and g.grantee in ('anon', 'authenticated', 'service_role', 'PUBLIC')
           and g.privilege_type = 'UPDATE'
           and not (g.table_name = 'audit' and g.grantee = 'service_role'
               and g.column_name in ('seq', 'previous', 'hash'))",
    )
    .await;
    none(
        "select g.grantee || ' ' || g.privilege_type || ' ' || g.table_name
         from information_schema.table_privileges g
         where (g.table_schema || '.' || g.table_name) in
             ('secrets.audit', 'catalog.tool_versions', 'catalog.prompt_versions',
              'orchestration.flow_versions')
           and g.grantee in ('anon', 'authenticated', 'service_role', 'PUBLIC')
           and g.privilege_type in ('DELETE', 'TRUNCATE')",
    )
    .await;
}

#[tokio::test]
async fn sealed_values_are_granted_to_nobody() {
    none(
        "select g.grantee || ' ' || g.table_name || '.' || g.column_name
         from information_schema.column_privileges g
         where g.privilege_type = 'SELECT'
           and g.grantee in ('anon', 'authenticated', 'PUBLIC')
           and (g.table_schema, g.table_name, g.column_name) in (
               ('secrets', 'secrets', 'nonce'), ('secrets', 'secrets', 'ciphertext'),
               ('secrets', 'connections', 'nonce'), ('secrets', 'connections', 'ciphertext'),
               ('identity', 'api_keys', 'hash'))",
    )
    .await;
}
