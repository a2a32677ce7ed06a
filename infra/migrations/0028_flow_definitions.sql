-- What lists and searches of flows say besides their documents: tags, whether a flow is a tool as well (it has an input
-- schema, so models and MCP clients may call it), and the words by which such a tool is found.
alter table orchestration.flows
    add column tags text[] not null default '{}',
    add column callable boolean not null default false;
-- Read per workspace, as for tools.
alter table orchestration.flows
    add column search tsvector not null
        generated always as (catalog.search_document(id, name, description, tags)) stored;

grant insert (tags, callable), update (tags, callable) on orchestration.flows to authenticated;
