//! Settings that are changed while the server runs.

use super::body;

body! {
    /// A setting.
    pub struct Setting {
        /// Its name.
        pub key: String,
        /// Its value; the default if nobody has changed it.
        pub value: String,
        /// Who changed it last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub updated_by: Option<String>,
        /// RFC 3339; absent if nobody has changed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub updated_at: Option<String>,
    }
}

body! {
    /// Every setting that there is.
    pub struct SettingList {
        /// By name of the part that they are about.
        pub settings: Vec<Setting>,
    }
}

body! {
    /// `PUT …/settings/{key}`
    pub struct PutSettingRequest {
        /// As text, also for numbers and switches.
        pub value: String,
    }
}
