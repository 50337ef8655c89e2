//! A component whose types have been checked, so that no decision has to check them again.

use wasmtime::component::{ComponentExportIndex, Func, Instance, InstancePre, TypedFunc};
use wasmtime::{AsContextMut, Store};

use crate::adapt;
use crate::adapt::transaction::Lists;
use crate::bindings::access::AccessPolicyPre;
use crate::bindings::access::oneclaw::policy::access_types as wit_access;
use crate::bindings::access::oneclaw::policy::types as wit;
use crate::bindings::transaction::TransactionGuardrailPre;
use crate::bindings::transaction::oneclaw::policy::transaction_types as wit_transaction;
use crate::cage::Cage;
use crate::question::Question;
use crate::world::{World, Worlds};

/// What taking in settings led to.
pub(crate) type Taken = Result<wit::Needs, Vec<wit::Problem>>;

type EvaluateAccess<'a> = TypedFunc<(wit_access::AccessRequest<'a>,), (wit::Decision,)>;
type EvaluateTransaction<'a> =
    TypedFunc<(wit_transaction::TransactionRequest<'a>,), (wit::Decision,)>;

/// Ready to be started. INVARIANT: what is in `access` and `transaction` are functions of the contract's types, because
/// `new` had them checked.
#[derive(Clone)]
pub(crate) struct Ready {
    pre: InstancePre<Cage>,
    configure: ComponentExportIndex,
    access: Option<ComponentExportIndex>,
    transaction: Option<ComponentExportIndex>,
}

/// A started component.
pub(crate) struct Started {
    pub(crate) instance: Instance,
    evaluate: Evaluate,
}

/// The function that decides, by the world it is of.
#[derive(Clone, Copy)]
enum Evaluate {
    Access(Func),
    Transaction(Func),
}

impl Ready {
    /// Checks the types of every function of the worlds that the component exports; having their names is not enough.
    pub(crate) fn new(pre: InstancePre<Cage>) -> wasmtime::Result<Self> {
        let export = |name| pre.component().get_export_index(None, name);
        let access = export(World::AccessPolicy.function());
        let transaction = export(World::TransactionGuardrail.function());
        // All of this costs more than a decision, and it depends on the component alone.
        if access.is_some() {
            AccessPolicyPre::new(pre.clone())?;
        }
        if transaction.is_some() {
            TransactionGuardrailPre::new(pre.clone())?;
        }
        Ok(Self {
            configure: export("configure").ok_or_else(|| missing("configure"))?,
            access,
            transaction,
            pre,
        })
    }

    /// What the component can decide on.
    pub(crate) fn worlds(&self) -> Worlds {
        Worlds {
            access_policy: self.access.is_some(),
            transaction_guardrail: self.transaction.is_some(),
        }
    }

    /// Starts the component to decide in `world`.
    pub(crate) fn start(&self, store: &mut Store<Cage>, world: World) -> wasmtime::Result<Started> {
        let instance = self.instantiate(&mut *store)?;
        let index = match world {
            World::AccessPolicy => self.access,
            World::TransactionGuardrail => self.transaction,
        };
        let evaluate = index
            .and_then(|index| instance.get_func(&mut *store, index))
            .ok_or_else(|| missing(world.function()))?;
        let evaluate = match world {
            World::AccessPolicy => Evaluate::Access(evaluate),
            World::TransactionGuardrail => Evaluate::Transaction(evaluate),
        };
        Ok(Started { instance, evaluate })
    }

    /// Starts the component to take in settings alone.
    pub(crate) fn instantiate(&self, store: &mut Store<Cage>) -> wasmtime::Result<Instance> {
        self.pre.instantiate(store)
    }

    pub(crate) fn configure(
        &self,
        store: &mut Store<Cage>,
        instance: &Instance,
        settings: &str,
    ) -> wasmtime::Result<Taken> {
        let configure =
            instance.get_typed_func::<(&str,), (Taken,)>(&mut *store, self.configure)?;
        Ok(configure.call(store, (settings,))?.0)
    }
}

impl Started {
    /// INVARIANT: `store` is the one that this was started in; `Running` keeps the two together.
    pub(crate) fn evaluate(
        &self,
        store: &mut Store<Cage>,
        question: Question<'_>,
    ) -> wasmtime::Result<wit::Decision> {
        match (self.evaluate, question) {
            (Evaluate::Access(function), Question::Access(request)) => {
                let facts = adapt::facts(&request.facts);
                let request = adapt::access::request(request, &facts);
                let function = typed_access(function);
                Ok(function.call(store.as_context_mut(), (request,))?.0)
            }
            (Evaluate::Transaction(function), Question::Transaction { request, views }) => {
                let windows = adapt::transaction::windows(views);
                let lists = Lists::new(request, views, &windows);
                let request = adapt::transaction::request(request, &lists);
                let function = typed_transaction(function);
                Ok(function.call(store.as_context_mut(), (request,))?.0)
            }
            (Evaluate::Access(_) | Evaluate::Transaction(_), question) => {
                Err(missing(question.world().function()))
            }
        }
    }
}

#[expect(
    unsafe_code,
    reason = "checking the type anew costs a tenth of a decision"
)]
fn typed_access<'a>(evaluate: Func) -> EvaluateAccess<'a> {
    // SAFETY: the function comes from the export index that `Ready::new` looked up in the very component whose
    // `evaluate-access` it had type-checked against these bindings; `Ready::start` makes `Evaluate::Access` of it alone.
    unsafe { TypedFunc::new_unchecked(evaluate) }
}

#[expect(
    unsafe_code,
    reason = "checking the type anew costs a tenth of a decision"
)]
fn typed_transaction<'a>(evaluate: Func) -> EvaluateTransaction<'a> {
    // SAFETY: as in `typed_access`, for `evaluate-transaction` and `Evaluate::Transaction`.
    unsafe { TypedFunc::new_unchecked(evaluate) }
}

fn missing(name: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("no function `{name}`"))
}
