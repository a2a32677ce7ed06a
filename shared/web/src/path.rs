//! Ids in the path: a malformed one is a thing that does not exist.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::problem::Problem;

/// The path's only parameter.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

/// The path's two parameters, in order.
#[derive(Clone, Copy, Debug)]
pub struct PathPair<A, B>(pub A, pub B);

/// The path's three parameters, in order.
#[derive(Clone, Copy, Debug)]
pub struct PathTriple<A, B, C>(pub A, pub B, pub C);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = segments(parts, state).await?;
        let mut values = params.iter().map(|(_, value)| value);
        Ok(Self(next(&mut values)?))
    }
}

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for PathPair<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = segments(parts, state).await?;
        let mut values = params.iter().map(|(_, value)| value);
        Ok(Self(next(&mut values)?, next(&mut values)?))
    }
}

impl<S: Send + Sync, A: FromStr, B: FromStr, C: FromStr> FromRequestParts<S>
    for PathTriple<A, B, C>
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = segments(parts, state).await?;
        let mut values = params.iter().map(|(_, value)| value);
        Ok(Self(
            next(&mut values)?,
            next(&mut values)?,
            next(&mut values)?,
        ))
    }
}

async fn segments<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Problem> {
    RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Problem::not_found())
}

fn next<'a, T: FromStr>(values: &mut impl Iterator<Item = &'a str>) -> Result<T, Problem> {
    values
        .next()
        .and_then(|text| text.parse().ok())
        .ok_or_else(Problem::not_found)
}
