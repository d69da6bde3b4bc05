//! Profile pictures, sealed under their person's key.

use super::{StoreError, Tx};
use crate::ids::UserId;

const EXISTS: &str = "SELECT user_id FROM profile_pictures WHERE tenant_id = $1 AND user_id = $2";

impl Tx {
    pub async fn has_picture(&mut self, user: UserId) -> Result<bool, StoreError> {
        let row = sqlx::query(EXISTS)
            .bind(self.tenant.to_string())
            .bind(user.to_string())
            .fetch_optional(&mut *self.transaction)
            .await?;
        Ok(row.is_some())
    }
}
