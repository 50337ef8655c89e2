//! The built-in access policy, looking at every policy for every request: the algorithm that general policy engines
//! use, so that the speed of the sandbox can be told from that of the index.
#![forbid(unsafe_code)]

use oneclaw_access_policy::{Policies, Settings, answer};
use oneclaw_policy_sdk::{AccessPolicy, AccessRequest, Decision, Manifest, Needs, Problem};

struct Scan(Policies);

impl AccessPolicy for Scan {
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest {
            name: "access-scan".to_owned(),
            summary: "The built-in access policy without its index.".to_owned(),
            ..Policies::manifest()
        }
    }

    fn configure(settings: Settings) -> Result<(Self, Needs), Vec<Problem>> {
        let (policies, needs) = Policies::configure(settings)?;
        Ok((Self(policies), needs))
    }

    fn evaluate(&self, request: &AccessRequest) -> Decision {
        answer(&self.0.decide_by_scan(request))
    }
}

oneclaw_policy_sdk::export_access_policy!(Scan);
