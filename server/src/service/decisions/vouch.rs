//! Decisions for others: as signed receipts, and as cases to test plugins with.

use oneclaw_audit_proof::receipt::{self, Receipt};
use oneclaw_core::api::DecisionReceipt;
use oneclaw_core::ids::EventId;
use oneclaw_core::recorded::Question;
use oneclaw_core::verdict::Verdict;
use serde_json::{Value, json};

use super::body::{Answer, Recorded};
use super::read::{DecisionQuery, request_digest, verdict_word};
use crate::service::caller::Caller;
use crate::service::error::{Result, ServiceError};
use crate::service::{Services, check, time};

/// Most decisions that are exported as cases at a time.
const MAX_CASES: i64 = 500;

impl Services {
    /// `GET /v1/decisions/{id}/receipt`: the same decision gives the same receipt every time.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for what the caller may not see; [`ServiceError::Internal`] for a record that its audit
    /// event does not vouch for: nothing is signed that was altered.
    pub async fn receipt(&self, caller: &Caller, id: EventId) -> Result<DecisionReceipt> {
        let recorded = self.recorded(caller, id).await?;
        self.must_be_as_recorded(caller, &recorded).await?;
        let row = &recorded.row;
        let statement = Receipt {
            kind: receipt::TYPE.to_owned(),
            issuer: self.config.public_url.clone(),
            org_id: row.org_id.to_string(),
            decision_id: row.id.to_string(),
            decided_at: time::format(row.at),
            world: row.world.clone(),
            principal: row.principal.to_string(),
            verdict: row.verdict.clone(),
            code: row.code.clone(),
            request_digest: recorded.question.as_ref().map(request_digest).transpose()?,
            record_digest: hex::encode(row.digest),
            engine: recorded.basis.engine.clone(),
            plugins: recorded
                .basis
                .plugins
                .iter()
                .zip(&recorded.answers)
                .map(|(plugin, answer)| receipt::Answer {
                    name: plugin.name.clone(),
                    version: plugin.version.clone(),
                    digest: plugin.digest.clone(),
                    settings_digest: plugin.settings.clone(),
                    mode: plugin.mode.clone(),
                    verdict: verdict_word(answer).to_owned(),
                    code: code(answer),
                })
                .collect(),
        };
        let key = self.keys.receipts();
        let signed = statement
            .sign(&key.public(), |text| key.sign(text))
            .map_err(|e| ServiceError::Internal(e.to_string()))?;
        Ok(DecisionReceipt {
            receipt: json!(signed.receipt),
            alg: signed.alg,
            kid: signed.kid,
            signature: signed.signature,
        })
    }

    /// Compares a record with what its audit event says of it. An event that was archived says nothing any more.
    async fn must_be_as_recorded(&self, caller: &Caller, recorded: &Recorded) -> Result<()> {
        let row = &recorded.row;
        let Some(event) = self.store.event(caller.org(), row.id).await? else {
            return Ok(());
        };
        let told = |name: &str| event.details.get(name).and_then(Value::as_str);
        if told("record") == Some(&hex::encode(row.digest)) {
            return Ok(());
        }
        tracing::error!(decision = %row.id, "the record of a decision is not what its audit event vouches for");
        Err(ServiceError::Internal(format!(
            "the record of decision {} was altered",
            row.id
        )))
    }

    /// `GET /v1/decisions/export?as=cases`: one case for each answer of a plugin that was asked, newest first.
    ///
    /// # Errors
    /// Names the parameter at fault.
    pub async fn export_cases(
        &self,
        caller: &Caller,
        query: DecisionQuery,
        form: Option<&str>,
        limit: Option<i64>,
    ) -> Result<Vec<Value>> {
        if !caller.human().is_ok_and(|_| caller.is_admin()) {
            return Err(ServiceError::Forbidden(
                "cases hold the settings of plugins; they are for owners and admins".to_owned(),
            ));
        }
        if form.is_some_and(|form| form != "cases") {
            return Err(ServiceError::field("as", "must be `cases`"));
        }
        let limit = check::page("limit", limit, 100, 1, MAX_CASES)?;
        let wanted = query.plugin.clone().filter(|digest| !digest.is_empty());
        let filter = query.filter()?;
        let rows = self
            .store
            .decisions(caller.org(), &filter, None, limit)
            .await?;
        let mut cases = Vec::new();
        for row in rows {
            let recorded = Recorded::read(row)?;
            for place in 0..recorded.answers.len() {
                if let Some(case) = self
                    .case(caller, &recorded, place, wanted.as_deref())
                    .await?
                {
                    cases.push(case);
                }
            }
        }
        Ok(cases)
    }

    async fn case(
        &self,
        caller: &Caller,
        recorded: &Recorded,
        place: usize,
        wanted: Option<&str>,
    ) -> Result<Option<Value>> {
        let (Some(plugin), Some(answer)) = (
            recorded.basis.plugins.get(place),
            recorded.answers.get(place),
        ) else {
            return Ok(None);
        };
        // A failure is no answer that anybody expects.
        let Some(verdict) = &answer.verdict else {
            return Ok(None);
        };
        if wanted.is_some_and(|digest| digest != plugin.digest) {
            return Ok(None);
        }
        let (Some(question), Some(settings)) = (
            recorded.question_to(place),
            self.store
                .decision_settings(caller.org(), &plugin.settings)
                .await?,
        ) else {
            return Ok(None);
        };
        let request = match &question {
            Question::Access(request) => json!(request),
            Question::Transaction(request) => json!(request),
        };
        let mut expect = json!({"verdict": expected(verdict)});
        let code = code(answer);
        if let (false, Some(expect)) = (code.is_empty(), expect.as_object_mut()) {
            expect.insert("code".to_owned(), json!(code));
        }
        Ok(Some(json!({
            "name": format!("{} by {}", recorded.row.id, plugin.name),
            "world": question.world(),
            // As text, so that it is the very text that decided.
            "settings": settings,
            "request": request,
            "expect": expect,
        })))
    }
}

fn code(answer: &Answer) -> String {
    match (&answer.verdict, &answer.failure) {
        (Some(Verdict::Allow(reason) | Verdict::Deny(reason)), _) => reason.code.clone(),
        (Some(Verdict::RequireApproval(approval)), _) => approval.reason.code.clone(),
        (_, Some((code, _))) => code.clone(),
        _ => String::new(),
    }
}

/// The words that cases have for verdicts.
fn expected(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allow(_) => "allow",
        Verdict::Deny(_) => "deny",
        Verdict::RequireApproval(_) => "require_approval",
        Verdict::Abstain => "abstain",
    }
}
