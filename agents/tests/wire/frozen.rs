//! Version 1 in bytes. If one of these changes, the layout has changed: that needs a new
//! version of the protocol, not a new text here.

use std::time::Duration;

use waybook_agents::{
    Message, Refusal, RefusalReason, Refuse, SessionId, TransferAnswer, TransferRequest, Visit,
    wire,
};
use waybook_plan::{Resource, SolutionNumber};

use crate::messages::{
    envelope, one_of_each, place, release, since_version_2, since_when_cut, visitor,
    visitor_in_a_trace, visitor_without_trace_back,
};
use crate::{hello, unprefixed};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn a_hello_never_changes() {
    let frame = wire::encode_hello(&hello());
    assert_eq!(
        hex(&frame),
        "1a0000000001140000000c636f72652f626f6c6f676e61fc00f153650103"
    );
    assert_eq!(wire::decode_hello(unprefixed(&frame)), Ok(hello()));
}

#[test]
fn version_1_messages_are_frozen() {
    let (of_3, before): (Vec<_>, Vec<_>) =
        one_of_each().into_iter().partition(|m| m.version() == 3);
    let frames = before
        .into_iter()
        .chain(since_version_2())
        .chain(of_3)
        .chain(since_when_cut())
        .map(|m| wire::encode(&envelope(m)));
    let written: Vec<_> = frames.map(|frame| hex(&frame)).collect();
    let (first, since) = written.split_at(FROZEN.len());
    assert_eq!(first, FROZEN);
    let (since, last) = since.split_at(FROZEN_2.len());
    assert_eq!(since, FROZEN_2);
    assert_eq!(last, FROZEN_3);
}

#[test]
fn what_is_said_on_the_stream_of_a_transfer_is_frozen() {
    let request = TransferRequest {
        digest: release().digest,
        length: release().length,
        root: release().root,
        source: place("r/b"),
        from: 40_000,
    };
    let frame = wire::encode_transfer(&request);
    assert_eq!(hex(&frame), REQUEST);
    assert_eq!(wire::decode_transfer(unprefixed(&frame)), Ok(request));
    let answers = [
        TransferAnswer::Follows,
        TransferAnswer::NotHeld,
        TransferAnswer::Unreachable,
        TransferAnswer::Busy,
        TransferAnswer::Refused("no".to_owned()),
    ];
    for (answer, frozen) in answers.into_iter().zip(ANSWERS) {
        let frame = wire::encode_transfer(&answer);
        assert_eq!(hex(&frame), frozen);
        assert_eq!(wire::decode_transfer(unprefixed(&frame)), Ok(answer));
    }
}

/// The block is six bytes behind the visit as it always was, so that a build which does not
/// know it takes the visit for one that traces back.
#[test]
fn a_visit_that_does_not_trace_back_says_so_behind_its_body() {
    let visit = |agent| {
        let remaining = Duration::from_millis(59_800);
        envelope(Message::Visit(Visit { agent, remaining }))
    };
    let (plain, set) = (visit(visitor()), visit(visitor_without_trace_back()));
    let frame = wire::encode(&set);
    let (body, block) = frame.split_at(frame.len() - 6);
    assert_eq!(hex(&body[4..]), FROZEN[0][8..]);
    assert_eq!(hex(block), "030000000000");
    assert_eq!(wire::decode(unprefixed(&frame)), Ok(set));
    let mut unknown = unprefixed(&frame).to_vec();
    let tag = unknown.len() - 6;
    unknown[tag] = 0xfe;
    assert_eq!(wire::decode(&unknown), Ok(plain));
}

/// Likewise a build that does not know the block takes the visit for one in no client's trace.
#[test]
fn a_visit_in_a_trace_says_so_behind_its_body() {
    let remaining = Duration::from_millis(59_800);
    let agent = visitor_in_a_trace();
    let set = envelope(Message::Visit(Visit { agent, remaining }));
    let frame = wire::encode(&set);
    let (body, block) = frame.split_at(FROZEN[0].len() / 2);
    assert_eq!(hex(&body[4..]), FROZEN[0][8..]);
    assert_eq!(
        hex(block),
        "06001b000000fe9c31801c21eb4884dd43cd161965f70afd31332069716badb701"
    );
    assert_eq!(wire::decode(unprefixed(&frame)), Ok(set));
}

/// Older builds read a limit that they do not know, and pass it on as it is.
#[test]
fn reasons_that_came_later_are_limits_of_their_own() {
    let frame = |reason| {
        wire::encode(&envelope(Message::Refuse(Refuse {
            session: SessionId(7),
            number: SolutionNumber(1),
            next: None,
            refused: vec![Refusal {
                solution: SolutionNumber(1),
                place: place("r/b"),
                reason,
            }],
        })))
    };
    let limit = |limit: &str| RefusalReason::Limit {
        limit: limit.to_owned(),
        value: 0,
    };
    let cordoned = RefusalReason::Cordoned {
        resource: Resource::cpu(),
    };
    for (reason, written) in [
        (RefusalReason::Drained, "sessions while it is drained"),
        (cordoned, "cpu while it is cordoned"),
    ] {
        let bytes = frame(reason.clone());
        assert_eq!(bytes, frame(limit(written)));
        let Message::Refuse(read) = wire::decode(unprefixed(&bytes)).unwrap().message else {
            panic!("it was a refusal");
        };
        assert_eq!(read.refused[0].reason, reason);
    }
}

/// What operators withhold stands behind summaries that are as they always were.
#[test]
fn what_is_withheld_is_said_behind_the_body() {
    let mut plain = one_of_each().into_iter();
    let plain = plain
        .find(|m| matches!(m, Message::Summaries { .. }))
        .unwrap();
    let mut set = plain.clone();
    if let Message::Summaries { places, .. } = &mut set {
        places[0].withheld.draining = true;
        places[0].withheld.cordoned.insert(Resource::cpu());
    }
    let (plain, set) = (envelope(plain), envelope(set));
    let (without, frame) = (wire::encode(&plain), wire::encode(&set));
    let (body, block) = frame.split_at(without.len());
    assert_eq!(body[4..], without[4..]);
    assert_eq!(hex(block), "0700080000000100010103637075");
    assert_eq!(wire::decode(unprefixed(&frame)), Ok(set));
    let mut unknown = unprefixed(&frame).to_vec();
    let tag = unknown.len() - block.len();
    unknown[tag] = 0xfe;
    assert_eq!(wire::decode(&unknown), Ok(plain));
}

const REQUEST: &str = "5200000004024c00000001010101010101010101010101010101010101010101010101010101010101\
    01fc70110100020202020202020202020202020202020202020202020202020202020202020203722f\
    62fb409c";

const ANSWERS: [&str; 5] = [
    "0700000004020100000000",
    "0700000004020100000001",
    "0700000004020100000002",
    "0700000004020100000003",
    "0a00000004020400000004026e6f",
];

/// The message that version 3 brought, and what is said about sessions that are cut.
const FROZEN_3: [&str; 4] = [
    "19000000010313000000fc00f15365001701fdefcdab89674523010201",
    "6c000000010158000000fc00f153650000fdefcdab89674523010466696c6d01010268640203722f61\
     0104646f776efc00093d000001720103637075fa010566696c6573000104726f6f74042f7372760001\
     000000010000000000003bfc0008af2f040008000000010101fb58020001",
    "5b000000010147000000fc00f15365000d010103722f6107030466696c6d0001017201026864fc0009\
     3d00fbe8030000000001000566696c6573000104726f6f74042f73727601036f6c6403722f62060104\
     0008000000010001fb58020001",
    "56000000010142000000fc00f153650010fb2c0103722f610103722f620466696c6d00010172010268\
     64fc00093d00fbe8030000000001000566696c6573000104726f6f74042f7372760146040008000000\
     010001fb58020001",
];

/// One of each kind of message that version 2 brought, and of what it brought to others.
const FROZEN_2: [&str; 7] = [
    "1f010000010219010000fc00f153650013010103722f62070405636163686505312e322e33054b6565\
     70731a776173693a687474702f6d6964646c657761726540302e332e30010367707501036c6f67012a\
     0101010101010101010101010101010101010101010101010101010101010101fc7011010002020202\
     0202020202020202020202020202020202020202020202020202020201720103030303030303030303\
     0303030303030303030303030303030303030303030340040404040404040404040404040404040404\
     0404040404040404040404040404040404040404040404040404040404040404040404040404040404\
     0404040404010109090909090909090909090909090909090909090909090909090909090909090372\
     2f620601",
    "010100000102fb000000fc00f153650014fb2c0103722f6101086361636865405e3101056361636865\
     05312e322e33054b656570731a776173693a687474702f6d6964646c657761726540302e332e300103\
     67707501036c6f67012a01010101010101010101010101010101010101010101010101010101010101\
     01fc701101000202020202020202020202020202020202020202020202020202020202020202017201\
     0303030303030303030303030303030303030303030303030303030303030303400404040404040404\
     0404040404040404040404040404040404040404040404040404040404040404040404040404040404\
     040404040404040404040404040404",
    "f70000000102f1000000fc00f153650015fb2c0103722f610105636163686505312e322e33054b6565\
     70731a776173693a687474702f6d6964646c657761726540302e332e30010367707501036c6f67012a\
     0101010101010101010101010101010101010101010101010101010101010101fc7011010002020202\
     0202020202020202020202020202020202020202020202020202020201720103030303030303030303\
     0303030303030303030303030303030303030303030340040404040404040404040404040404040404\
     0404040404040404040404040404040404040404040404040404040404040404040404040404040404\
     0404040404",
    "040100000102fe000000fc00f15365001603722f61050205636163686505312e322e33054b65657073\
     1a776173693a687474702f6d6964646c657761726540302e332e30010367707501036c6f67012a0101\
     010101010101010101010101010101010101010101010101010101010101fc70110100020202020202\
     0202020202020202020202020202020202020202020202020202017201030303030303030303030303\
     0303030303030303030303030303030303030303400404040404040404040404040404040404040404\
     0404040404040404040404040404040404040404040404040404040404040404040404040404040404\
     040404020101720103722f62090001000172",
    "55010000010266000000fc00f153650000fdefcdab89674523010466696c6d01010268640203722f61\
     0104646f776efc00093d00010b636163686540312e322e33020001720103637075fa010566696c6573\
     000104726f6f74042f7372760001000000010000000000003bfc0008af2f0100e30000000105636163\
     686505312e322e33054b656570731a776173693a687474702f6d6964646c657761726540302e332e30\
     010367707501036c6f67012a0101010101010101010101010101010101010101010101010101010101\
     010101fc70110100020202020202020202020202020202020202020202020202020202020202020201\
     7201030303030303030303030303030303030303030303030303030303030303030340040404040404\
     0404040404040404040404040404040404040404040404040404040404040404040404040404040404\
     0404040404040404040404040404040404",
    "14010000010225000000fc00f153650011fc7011010003722f610172010100010b636163686540312e\
     322e330200000100e30000000105636163686505312e322e33054b656570731a776173693a68747470\
     2f6d6964646c657761726540302e332e30010367707501036c6f67012a010101010101010101010101\
     0101010101010101010101010101010101010101fc7011010002020202020202020202020202020202\
     0202020202020202020202020202020201720103030303030303030303030303030303030303030303\
     0303030303030303030340040404040404040404040404040404040404040404040404040404040404\
     04040404040404040404040404040404040404040404040404040404040404040404",
    "3400000001022e000000fc00f15365000cfdefcdab8967452301017202040b636163686540312e322e\
     330103722f62fb409cfc7011010064",
];

/// One of each kind of message of version 1.
const FROZEN: [&str; 19] = [
    "5e000000010158000000fc00f153650000fdefcdab89674523010466696c6d01010268640203722f6101\
     04646f776efc00093d000001720103637075fa010566696c6573000104726f6f74042f73727600010000\
     00010000000000003bfc0008af2f",
    "17000000010111000000fc00f153650001fdefcdab896745230102",
    "6100000001015b000000fc00f153650002fdefcdab896745230102030101720103637075fa010566696c\
     65730e3132372e302e302e313a3830383001000000fc80c3c9010101017200066d656d6f7279fc000000\
     04fc00001000fc00000008fc0000f00700",
    "3a000000010134000000fc00f153650003fdefcdab89674523010201030101017200066d656d6f7279fc\
     00000004fc00001000fc00000008fc0000f00700",
    "17000000010111000000fc00f153650004fdefcdab896745230102",
    "17000000010111000000fc00f153650005fdefcdab896745230102",
    "17000000010111000000fc00f153650006fdefcdab896745230102",
    "17000000010111000000fc00f153650007fdefcdab896745230102",
    "2d000000010127000000fc00f15365000801fdefcdab89674523010202fdefcdab896745230102fdefcd\
     ab896745230102",
    "18000000010112000000fc00f15365000901fdefcdab896745230102",
    "17000000010111000000fc00f15365000afdefcdab896745230102",
    "1a000000010114000000fc00f15365000b01fdefcdab8967452301020100",
    "4100000001013b000000fc00f15365000cfdefcdab89674523010172020301720103637075fa01056669\
     6c65730e3132372e302e302e313a3830383001000000fc80c3c901",
    "4d000000010147000000fc00f15365000d010103722f6107030466696c6d0001017201026864fc00093d\
     00fbe8030000000001000566696c6573000104726f6f74042f73727601036f6c6403722f620601",
    "2a000000010124000000fc00f15365000e0103722f6107030200fbf4010103637075fba00ffbd0070301\
     03722f62",
    "1a000000010114000000fc00f15365000ffb2c0103722f610466696c6d03",
    "48000000010142000000fc00f153650010fb2c0103722f610103722f620466696c6d0001017201026864\
     fc00093d00fbe8030000000001000566696c6573000104726f6f74042f7372760146",
    "38000000010132000000fc00f153650011fc7011010003722f6101720101010363707501010566696c65\
     73000104726f6f74042f7372760103722f62",
    "1b000000010115000000fc00f153650012fc7011010003722f610172010100",
];
