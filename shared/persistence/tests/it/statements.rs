//! Every statement fits the migrated schema, the grants of the role it runs as, and the struct it is read into.

use persistence::statements;
use sqlx::{AssertSqlSafe, Column as _, Connection as _, Executor as _, SqlStr, Statement as _};

use crate::cluster::{Database, cluster};

#[tokio::test]
async fn every_statement_prepares_and_answers_what_is_read() {
    let database = Database::new().await;
    let url = cluster().url("authenticator", &database.name);
    for statement in statements() {
        let name = statement.name;
        let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
        connection
            .execute(AssertSqlSafe(format!(
                "set role {}",
                statement.runs_as.as_str()
            )))
            .await
            .unwrap();
        let prepared = (&mut connection)
            .prepare(SqlStr::from_static(statement.sql))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let answered: Vec<&str> = prepared.columns().iter().map(sqlx::Column::name).collect();
        let read: Vec<&str> = statement.columns.iter().map(|column| column.name).collect();
        assert_eq!(answered, read, "{name}");
        for (answered, read) in prepared.columns().iter().zip(statement.columns) {
            assert!(
                (read.reads)(answered.type_info()),
                "{name}: {} is {}",
                read.name,
                answered.type_info()
            );
        }

        // Planning alone asks for no grant; setting up the execution does.
        let parameters = match prepared.parameters() {
            Some(sqlx::Either::Left(types)) => types.len(),
            Some(sqlx::Either::Right(count)) => count,
            None => 0,
        };
        let nulls = vec!["null"; parameters].join(", ");
        let nulls = if parameters == 0 {
            nulls
        } else {
            format!("({nulls})")
        };
        connection
            .execute(AssertSqlSafe(format!("prepare s as {}", statement.sql)))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        connection
            .execute(AssertSqlSafe(format!("explain execute s{nulls}")))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_statement_has_a_name_of_its_own() {
    let mut names: Vec<&str> = statements()
        .iter()
        .map(|statement| statement.name)
        .collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}
