//! Looking at a place.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use waybook_agents::{Incarnation, SessionId};
use waybook_location_tree::PlaceName;
use waybook_place::{Instant, Place};

use super::extract::Named;
use super::model::{
    AddressesInfo, BookingInfo, CertificateInfo, HopInfo, LinkInfo, PlaceInfo, ProgramsInfo, Role,
    TreePlaceInfo,
};
use super::{Kind, Problem, Shared};

type Answer<T> = Result<Json<T>, Problem>;

/// The place: its connections, addresses, resources and counters.
#[utoipa::path(
    get,
    path = "/api/v1/place",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses((status = 200, body = PlaceInfo), (status = "default", body = Problem))
)]
pub(super) async fn place(State(shared): State<Arc<Shared>>) -> Answer<PlaceInfo> {
    let addresses = addresses(&shared);
    let (certificate, programs) = (certificate(&shared), programs(&shared));
    let info = shared
        .parts
        .place
        .query(move |place, now| place_info(place, now, addresses, certificate, programs))
        .await?;
    Ok(Json(info))
}

/// Where the place is reached.
pub(super) fn addresses(shared: &Shared) -> AddressesInfo {
    let text = |address: Option<std::net::SocketAddr>| address.map(|a| a.to_string());
    let addresses = &shared.parts.addresses;
    AddressesInfo {
        api: text(addresses.api),
        gateway: text(addresses.gateway),
        listen: text(addresses.listen),
        parent: addresses.parent.clone(),
    }
}

/// How it is with the place's certificate.
pub(super) fn certificate(shared: &Shared) -> Option<CertificateInfo> {
    shared.parts.counts.certificate().map(Into::into)
}

/// Whether the place's programs are held to what is booked for them.
pub(super) fn programs(shared: &Shared) -> Option<ProgramsInfo> {
    shared.parts.counts.enforcement().map(Into::into)
}

/// What the place says of itself.
pub(super) fn place_info(
    place: &Place,
    now: Instant,
    addresses: AddressesInfo,
    certificate: Option<CertificateInfo>,
    programs: Option<ProgramsInfo>,
) -> PlaceInfo {
    let link = |(neighbour, incarnation): (&PlaceName, Incarnation)| LinkInfo {
        place: neighbour.to_string(),
        incarnation: incarnation.0,
        role: Role::of(place.name(), neighbour),
    };
    PlaceInfo {
        name: place.name().to_string(),
        incarnation: place.incarnation().0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        strategy: place.config().strategy.clone(),
        recovering: place.is_recovering(),
        draining: place.drain_view(now).map(Into::into),
        links: place.links().map(link).collect(),
        addresses,
        certificate,
        programs,
        resources: place.resources().iter().map(Into::into).collect(),
        counters: place.counters().into(),
    }
}

/// The place and all below it, as far as they have said how they do.
#[utoipa::path(
    get,
    path = "/api/v1/tree",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses((status = 200, body = [TreePlaceInfo]), (status = "default", body = Problem))
)]
pub(super) async fn tree(State(shared): State<Arc<Shared>>) -> Answer<Vec<TreePlaceInfo>> {
    let places = shared
        .parts
        .place
        .query(|place, now| place.summaries(now).iter().map(Into::into).collect())
        .await?;
    Ok(Json(places))
}

/// The bookings at the place.
#[utoipa::path(
    get,
    path = "/api/v1/bookings",
    tag = "places",
    params(("at" = Option<String>, Query, description = "The place to ask")),
    responses((status = 200, body = [BookingInfo]), (status = "default", body = Problem))
)]
pub(super) async fn bookings(State(shared): State<Arc<Shared>>) -> Answer<Vec<BookingInfo>> {
    let bookings = shared
        .parts
        .place
        .query(|place, _| place.bookings().map(|view| (&view).into()).collect())
        .await?;
    Ok(Json(bookings))
}

/// What the place knows of a session that it is a hop of.
#[utoipa::path(
    get,
    path = "/api/v1/hops/{id}",
    tag = "sessions",
    params(
        ("id" = String, Path, description = "The session"),
        ("at" = Option<String>, Query, description = "The place to ask"),
    ),
    responses((status = 200, body = HopInfo), (status = "default", body = Problem))
)]
pub(super) async fn hop(State(shared): State<Arc<Shared>>, Named(id): Named) -> Answer<HopInfo> {
    let session = session_id(&id)?;
    let hop = hop_of(&shared, session).await?;
    hop.map(Json).ok_or_else(|| {
        Kind::NotFound
            .because(format!(
                "{} is no hop of session {session}",
                shared.parts.name
            ))
            .at(&shared.parts.name)
    })
}

/// What this place knows of a session.
pub(super) async fn hop_of(
    shared: &Shared,
    session: SessionId,
) -> Result<Option<HopInfo>, Problem> {
    let hop = shared
        .parts
        .place
        .query(move |place, now| place.hop(session, now).map(|view| (&view).into()))
        .await?;
    Ok(hop)
}

/// Reads a session's number as it stands in a path.
pub(super) fn session_id(text: &str) -> Result<SessionId, Problem> {
    let hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    text.parse().ok().filter(|_| hex).ok_or_else(|| {
        Kind::Malformed.because(format!(
            "`{text}` is no session: it is 32 hexadecimal digits"
        ))
    })
}
