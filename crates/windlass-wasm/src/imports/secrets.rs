//! Secrets as handles. A value is looked up at the moment at which it is used, and no
//! function gives it to the guest.

use secrecy::{ExposeSecret as _, SecretSlice};
use wasmtime::component::Resource;

use crate::bindings::secrets::{Host, HostSecret, Refusal};
use crate::hmac::hmac_sha256;
use crate::state::{Around, Handle, State};

impl Host for State {
    async fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Handle>, Refusal>> {
        let around = self.called()?;
        let found = around.given.keys().find(|given| given.as_str() == name);
        match found.cloned() {
            Some(name) => Ok(Ok(self.add_handle(Handle::Named(name))?)),
            None => Ok(Err(Refusal::Unknown(around.redact(&name)))),
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
        let code = self.sign(&secret, &prefix, &message)?.map(Vec::from);
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
        match self.sign(&secret, &prefix, &message)? {
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
    fn sign(
        &self,
        secret: &Resource<Handle>,
        prefix: &[u8],
        message: &[u8],
    ) -> wasmtime::Result<Result<[u8; 32], Refusal>> {
        let Some(around) = self.around() else {
            return Ok(Err(Refusal::NotForSigning));
        };
        Ok(match self.table.get(secret)? {
            Handle::Derived(key) => Ok(hmac_sha256(&[prefix, key.expose_secret()], message)),
            Handle::Named(name) => match around.signing_key(name) {
                Some(key) => Ok(hmac_sha256(&[prefix, key.as_bytes()], message)),
                None => {
                    around.tell(&format!("[refused: `{name}` is not for signing]"));
                    Err(Refusal::NotForSigning)
                }
            },
            // The manifest names inputs, and this one is none.
            Handle::Issued(..) => Err(Refusal::NotForSigning),
        })
    }
}

impl Around {
    /// The value of a secret whose input the manifest signs with. A signature can go
    /// wherever the action may send, so a secret with `hosts` must be for all of them.
    fn signing_key(&self, name: &windlass_core::id::SecretName) -> Option<&str> {
        let inputs = self.given.get(name)?;
        if !self
            .action
            .signs_with
            .iter()
            .any(|input| inputs.contains(input))
        {
            return None;
        }
        if let Ok(key) = self.secrets.for_anywhere(name) {
            return Some(key.expose_secret());
        }
        let mut key = None;
        for allowed in &self.granted {
            let host = match allowed.pattern.input() {
                Some(input) => self.origins.get(input)?.host().to_owned(),
                None => allowed.pattern.own_host()?,
            };
            key = Some(self.secrets.for_host(name, &host).ok()?.expose_secret());
        }
        key
    }
}
