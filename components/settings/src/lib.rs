//! A component's settings: from `wasi:config/store`, or else from the environment, where a setting
//! `max-bandwidth` is called `MAX_BANDWIDTH`.

/// The interface as it was generated.
#[allow(missing_docs, reason = "generated from WIT, which is documented there")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "reads", generate_all });
}

use bindings::wasi::config::store;

/// Where settings are looked for.
pub struct Settings {
    environment: Vec<(String, String)>,
}

impl Settings {
    /// Settings of this component with this environment.
    #[must_use]
    pub fn new(environment: Vec<(String, String)>) -> Settings {
        Settings { environment }
    }

    /// A setting as text, without the white space around it. An empty one counts as not set.
    ///
    /// # Errors
    /// The store could not be read; the text says which setting and why.
    pub fn text(&self, key: &str) -> Result<Option<String>, String> {
        let stored = store::get(key).map_err(|error| match error {
            store::Error::Upstream(why) | store::Error::Io(why) => {
                format!("the setting {key} can't be read: {why}")
            }
        })?;
        let value = stored.or_else(|| {
            let name = variable(key);
            self.environment
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| value.clone())
        });
        Ok(value
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty()))
    }

    /// A setting as a whole number of `unit`.
    ///
    /// # Errors
    /// As [`Settings::text`], or it is no number; the text says what would be right.
    pub fn number(&self, key: &str, unit: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!(
                "the setting {key} is {text:?}; a whole number of {unit} would be right"
            )),
        }
    }

    /// Everything that the store holds.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn stored(&self) -> Result<Vec<(String, String)>, String> {
        store::get_all().map_err(|error| match error {
            store::Error::Upstream(why) | store::Error::Io(why) => {
                format!("the settings can't be read: {why}")
            }
        })
    }

    /// The environment.
    #[must_use]
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }
}

/// What a setting is called in the environment.
fn variable(key: &str) -> String {
    key.to_ascii_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_the_usual_name_in_the_environment() {
        assert_eq!(variable("max-bandwidth"), "MAX_BANDWIDTH");
    }
}
