//! Agents that ask to be let in.

use super::body;

body! {
    /// `POST /v1/agents/enroll`
    pub struct EnrollRequest {
        /// What the agent calls itself: 1 to 255 bytes.
        pub name: String,
        /// Address of the human who is to let it in. Without one, whoever opens `approval_url` can.
        #[serde(default)]
        pub human_email: Option<String>,
        /// What the agent says about itself, at most 4096 bytes.
        #[serde(default)]
        pub description: Option<String>,
    }
}

body! {
    /// The answer to every enrolment, whether there is an account with the address or not.
    pub struct EnrollResponse {
        /// Always `00000000-0000-0000-0000-000000000000`: there is no agent yet.
        pub agent_id: String,
        /// What happens next, for a human.
        pub message: String,
        /// Where a signed-in human lets the agent in or turns it away.
        pub approval_url: String,
    }
}

body! {
    /// An agent that asks to be let in.
    pub struct Enrollment {
        /// Its id; not that of an agent.
        pub id: String,
        /// What the agent calls itself.
        pub name: String,
        /// What it says about itself.
        pub description: String,
        /// The address that it named.
        pub human_email: Option<String>,
        /// `pending`, `approved`, `denied` or `expired`.
        pub status: String,
        /// The address that it asked from.
        pub client_ip: String,
        /// The agent that was made of it.
        pub agent_id: Option<String>,
        /// When it asked.
        pub created_at: String,
        /// From when on nobody can let it in any more.
        pub expires_at: String,
    }
}

body! {
    /// The enrolments that wait for an organisation.
    pub struct EnrollmentList {
        /// Oldest first.
        pub enrollments: Vec<Enrollment>,
    }
}
