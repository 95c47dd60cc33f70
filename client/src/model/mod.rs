//! The forms that go in and out of the control API.
//!
//! Amounts and times are given twice: exactly, for programs, and as text, for people.

mod audit;
mod code;
mod invitations;
mod links;
mod news;
mod open;
mod operate;
mod place;
mod plan;
mod presentation;
mod problem;
mod profile;
mod session;
mod setup;
mod token;
mod values;

pub use audit::{AuditInfo, AuditResult};
pub use code::{
    CodeDetail, CodeInfo, HereInfo, HolderInfo, PrefetchForm, ReleaseInfo, StrategyForm,
    StrategyInfo, TransferInfo,
};
pub use invitations::{InvitationInfo, InviteForm, InvitedInfo, UsedInfo};
pub use links::{DoorInfo, LinksInfo, NeighbourInfo, PaceInfo, TransportInfo};
pub use news::{NewsInfo, RefusedInfo, WalkInfo, WalkKind};
pub use open::{OpenForm, ProfileForm};
pub use operate::{ChangeInfo, CordonInfo, DrainForm, DrainingInfo, ReloadInfo};
pub use place::{
    AddressesInfo, BookingInfo, CertificateInfo, CountersInfo, LinkInfo, LogForm, LogInfo,
    PlaceInfo, ProgramsInfo, ResourceInfo, Role, TreePlaceInfo,
};
pub use plan::{
    AnswerInfo, LackInfo, RefusalInfo, SolutionInfo, StageInfo, SurveyInfo, SurveyedPlace,
};
pub use presentation::{PresentationInfo, QualityInfo, StageDemandInfo};
pub use problem::Problem;
pub use profile::{ProfileInfo, ProfileSource};
pub use session::{
    ComponentInfo, EndInfo, EstablishedInfo, HopInfo, HopReportInfo, Phase, ProgressInfo,
    SessionDetail, SessionHop, SessionInfo, StepInfo, UrlsInfo,
};
pub use setup::{HopTraceInfo, NoteInfo, SetupDetail, SetupInfo, SpanInfo, TraceInfo, UntoldInfo};
pub use token::{MadeTokenInfo, Right, TokenForm, TokenInfo};
pub use values::{Amount, Quantity, Span, SpanForm};
