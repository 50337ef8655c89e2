//! The budgets that a plugin wants to see, as they were.

use oneclaw_core::amount::Amount;
use oneclaw_core::recorded::Question;
use oneclaw_core::transaction::{BudgetView, TransactionRequest};
use oneclaw_core::verdict::BudgetQuery;
use oneclaw_policy_host::Configured;

use super::{Session, place_of};
use crate::service::decisions::body::Recorded;
use crate::service::error::Result;
use crate::service::gate::Resolver;

impl Session<'_> {
    /// The request with the budgets that the plugin wants to see: as they were recorded, or else as the ledger says that
    /// they were.
    pub(super) async fn with_budgets(
        &self,
        configured: &Configured,
        question: Question,
        recorded: &Recorded,
        place: Option<usize>,
    ) -> Result<Question> {
        let Question::Transaction(mut request) = question else {
            return Ok(question);
        };
        let name = &configured.plugin().identity().name;
        let place = place.or_else(|| place_of(recorded, name));
        let seen = place
            .and_then(|place| recorded.answers.get(place))
            .map_or(&[][..], |answer| &answer.budgets);
        let mut views = Vec::with_capacity(configured.budget_queries().len());
        for query in configured.budget_queries() {
            let known = seen.iter().find(|view| {
                view.budget == query.budget
                    && view.asset == query.asset
                    && view.window == query.window
            });
            views.push(match known {
                Some(view) => view.clone(),
                None => self.by_ledger(&request, name, query).await?,
            });
        }
        request.budgets = views;
        Ok(Question::Transaction(request))
    }

    async fn by_ledger(
        &self,
        request: &TransactionRequest,
        plugin: &str,
        query: &BudgetQuery,
    ) -> Result<BudgetView> {
        let place =
            Resolver::new(request).resolve(plugin, &query.budget, &query.asset, &query.window);
        let sum = match place {
            Some(place) => self
                .services
                .store
                .budget_sums_before(self.org, &[place], request.at)
                .await?
                .pop(),
            None => None,
        };
        Ok(BudgetView {
            budget: query.budget.clone(),
            asset: query.asset.clone(),
            window: query.window.clone(),
            // One that cannot be told whose it is counts as used up, as it does when it is decided.
            spent: sum.as_ref().map_or(Amount::MAX, |sum| sum.spent),
            reserved: sum.as_ref().map_or(Amount::ZERO, |sum| sum.reserved),
        })
    }
}
