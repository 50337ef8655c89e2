//! A component of world `access-policy` whose types have been checked, so that no decision has to check them again.

use oneclaw_core::request::AccessRequest;
use wasmtime::component::{ComponentExportIndex, Func, Instance, InstancePre, TypedFunc};
use wasmtime::{AsContextMut, Store};

use crate::adapt;
use crate::bindings::access::AccessPolicyPre;
use crate::bindings::access::oneclaw::policy::access_types as wit_access;
use crate::bindings::access::oneclaw::policy::types as wit;
use crate::cage::Cage;

/// What taking in settings led to.
pub(crate) type Taken = Result<wit::Needs, Vec<wit::Problem>>;

type Evaluate<'a> = TypedFunc<(wit_access::AccessRequest<'a>,), (wit::Decision,)>;

/// Ready to be started. INVARIANT: `evaluate` is a function of the contract's type, because `new` had it checked.
#[derive(Clone)]
pub(crate) struct Ready {
    pre: InstancePre<Cage>,
    configure: ComponentExportIndex,
    evaluate: ComponentExportIndex,
}

/// A started component.
pub(crate) struct Started {
    pub(crate) instance: Instance,
    evaluate: Func,
}

impl Ready {
    /// Checks the types of every function of the world.
    pub(crate) fn new(pre: InstancePre<Cage>) -> wasmtime::Result<Self> {
        // All of this costs more than a decision, and it depends on the component alone.
        let checked = AccessPolicyPre::new(pre)?;
        let pre = checked.instance_pre().clone();
        let export = |name| {
            pre.component()
                .get_export_index(None, name)
                .ok_or_else(|| missing(name))
        };
        Ok(Self {
            configure: export("configure")?,
            evaluate: export("evaluate-access")?,
            pre,
        })
    }

    pub(crate) fn start(&self, store: &mut Store<Cage>) -> wasmtime::Result<Started> {
        let instance = self.pre.instantiate(&mut *store)?;
        let evaluate = instance
            .get_func(&mut *store, self.evaluate)
            .ok_or_else(|| missing("evaluate-access"))?;
        Ok(Started { instance, evaluate })
    }

    pub(crate) fn configure(
        &self,
        store: &mut Store<Cage>,
        started: &Started,
        settings: &str,
    ) -> wasmtime::Result<Taken> {
        let configure = started
            .instance
            .get_typed_func::<(&str,), (Taken,)>(&mut *store, self.configure)?;
        Ok(configure.call(store, (settings,))?.0)
    }
}

impl Started {
    /// INVARIANT: `store` is the one that this was started in; `Running` keeps the two together.
    pub(crate) fn evaluate(
        &self,
        store: &mut Store<Cage>,
        request: &AccessRequest,
    ) -> wasmtime::Result<wit::Decision> {
        let facts = adapt::facts(request);
        let request = adapt::access_request(request, &facts);
        Ok(typed(self.evaluate)
            .call(store.as_context_mut(), (request,))?
            .0)
    }
}

#[expect(
    unsafe_code,
    reason = "checking the type anew costs a tenth of a decision"
)]
fn typed<'a>(evaluate: Func) -> Evaluate<'a> {
    // SAFETY: the function comes from the export index that `Ready::new` looked up in the very component whose
    // `evaluate-access` it had type-checked against these bindings.
    unsafe { TypedFunc::new_unchecked(evaluate) }
}

fn missing(name: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("no function `{name}`"))
}
