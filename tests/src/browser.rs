//! A browser, as far as pages without script need one: it keeps one cookie, follows no redirect by itself, and sends back
//! the token of the form that it saw last.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};

use crate::app::{PASSWORD, Reply, TestApp};

/// A browser.
pub struct Browser {
    http: reqwest::Client,
    url: String,
    /// `name=value`
    pub cookie: Option<String>,
    /// From the page that was opened last.
    pub form_token: String,
    /// What a proxy says of where the browser is.
    pub address: Option<String>,
}

impl Browser {
    /// A browser that has never been anywhere.
    pub fn new(app: &TestApp) -> Self {
        Self {
            http: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            url: app.url.clone(),
            cookie: None,
            form_token: String::new(),
            address: None,
        }
    }

    /// A browser with somebody signed in.
    pub async fn signed_in(app: &TestApp, name: &str) -> Self {
        let mut browser = Self::new(app);
        browser.open("/sign-in").await.page(200);
        let email = format!("{name}@example.com");
        let reply = browser
            .submit(
                "/sign-in",
                &[("email", email.as_str()), ("password", PASSWORD)],
            )
            .await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.text);
        browser
    }

    /// Opens a page.
    pub async fn open(&mut self, path: &str) -> Reply {
        let request = self.http.get(format!("{}{path}", self.url));
        self.send(request).await
    }

    /// Sends the form that was opened last, with these fields.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.form_token.clone();
        let mut all = vec![("form_token", token.as_str())];
        all.extend_from_slice(fields);
        self.submit_exactly(path, &all, &[]).await
    }

    /// Sends a form with exactly these fields and headers.
    pub async fn submit_exactly(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = self
            .http
            .post(format!("{}{path}", self.url))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(serde_urlencoded::to_string(fields).unwrap());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Reply {
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        if let Some(address) = &self.address {
            request = request.header("x-forwarded-for", address);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        for cookie in headers.get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        let text = response.text().await.unwrap();
        if let Some((_, rest)) = text.split_once("name=\"form_token\" value=\"") {
            rest.split('"')
                .next()
                .unwrap()
                .clone_into(&mut self.form_token);
        }
        Reply {
            status,
            headers,
            text,
        }
    }
}

impl Reply {
    /// Asserts a page with this status and gives its HTML.
    #[track_caller]
    pub fn page(self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "text/html; charset=utf-8");
        self.text
    }

    /// Asserts that the browser is sent on, and says where.
    #[track_caller]
    pub fn onward(self) -> String {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.headers[LOCATION].to_str().unwrap().to_owned()
    }
}
