//! Secrets as handles. A value is looked up at the moment at which it is used, and no
//! function gives it to the guest.

use secrecy::{ExposeSecret as _, SecretSlice};
use wasmtime::component::Resource;
use windlass_core::refusal::RefusedBy;

use crate::bindings::secrets::{Host, HostSecret, Refusal};
use crate::hmac::hmac_sha256;
use crate::state::{Around, Handle, State};

impl Host for State {
    async fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Handle>, Refusal>> {
        let around = self.called()?;
        let found = around.given.keys().find(|given| given.as_str() == name);
        match found.cloned() {
            Some(name) => Ok(Ok(self.add_handle(Handle::Named(name))?)),
            None => {
                let asked = format!("the secret `{name}`");
                let missing = "the step's `with` does not hold it";
                around.refuse(RefusedBy::Secret, &asked, missing).await;
                Ok(Err(Refusal::Unknown(around.redact(&name))))
            }
        }
    }
}

impl HostSecret for State {
    async fn hmac_sha256(
        &mut self,
        secret: Resource<Handle>,
        prefix: Vec<u8>,
        message: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, Refusal>> {
        self.called()?;
        let code = self.sign(&secret, &prefix, &message).await?;
        let code = code.map(Vec::from);
        let stage = self.around().and_then(|around| around.stage.as_ref());
        if let (Some(stage), Ok(code)) = (stage, &code) {
            stage.signed(code);
        }
        Ok(code)
    }

    async fn derive_hmac_sha256(
        &mut self,
        secret: Resource<Handle>,
        prefix: Vec<u8>,
        message: Vec<u8>,
    ) -> wasmtime::Result<Result<Resource<Handle>, Refusal>> {
        self.called()?;
        match self.sign(&secret, &prefix, &message).await? {
            Ok(code) => {
                let key = SecretSlice::from(code.to_vec());
                Ok(Ok(self.add_handle(Handle::Derived(key))?))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    async fn drop(&mut self, secret: Resource<Handle>) -> wasmtime::Result<()> {
        self.drop_handle(secret)
    }
}

impl State {
    async fn sign(
        &mut self,
        secret: &Resource<Handle>,
        prefix: &[u8],
        message: &[u8],
    ) -> wasmtime::Result<Result<[u8; 32], Refusal>> {
        let Some(around) = self.around() else {
            return Ok(Err(Refusal::NotForSigning));
        };
        let (name, missing) = match self.table.get(secret)? {
            Handle::Derived(key) => {
                return Ok(Ok(hmac_sha256(&[prefix, key.expose_secret()], message)));
            }
            Handle::Named(name) => match around.signing_key(name) {
                Ok(key) => return Ok(Ok(hmac_sha256(&[prefix, key.as_bytes()], message))),
                Err(missing) => (name.clone(), missing),
            },
            // The manifest names inputs, and this one is none.
            Handle::Issued(..) => return Ok(Err(Refusal::NotForSigning)),
        };
        if let Some(around) = self.around_mut() {
            around.tell(&format!(
                "[refused: `{name}` is not for signing: {missing}]"
            ));
            let asked = format!("to sign with the secret `{name}`");
            around.refuse(RefusedBy::Secret, &asked, missing).await;
        }
        Ok(Err(Refusal::NotForSigning))
    }
}

impl Around {
    /// The value of a secret whose input the manifest signs with. A signature can go
    /// wherever the action may send, so a secret with `hosts` must be for all of them.
    ///
    /// # Errors
    /// The grant that is missing.
    fn signing_key(&self, name: &windlass_core::id::SecretName) -> Result<&str, &'static str> {
        let inputs = self.given.get(name);
        let signs = |input| inputs.is_some_and(|inputs| inputs.contains(input));
        if !self.action.signs_with.iter().any(signs) {
            return Err("the manifest's `signs-with` names no input that holds it");
        }
        if let Ok(key) = self.secrets.for_anywhere(name) {
            return Ok(key.expose_secret());
        }
        let elsewhere = "its `hosts` do not hold every host that the action may send to";
        let mut key = Err(elsewhere);
        for allowed in &self.granted {
            let host = match allowed.pattern.input() {
                Some(input) => self
                    .origins
                    .get(input)
                    .map(|origin| origin.host().to_owned()),
                None => allowed.pattern.own_host(),
            };
            let host = host.ok_or(elsewhere)?;
            let value = self.secrets.for_host(name, &host);
            key = Ok(value.map_err(|_| elsewhere)?.expose_secret());
        }
        key
    }
}
