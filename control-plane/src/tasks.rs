//! Every task has a name, is awaited at shutdown, and does not end silently before that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The tasks of the process and the signal that tells them to stop. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tasks {
    services: TaskTracker,
    jobs: TaskTracker,
    stopping: CancellationToken,
    failed: Arc<AtomicBool>,
}

impl Tasks {
    /// A task that lives as long as the process: when it returns or panics before the shutdown, the process stops
    /// with a failing exit code.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let guard = Guard { name, tasks: self.clone() };
        self.services.spawn(async move {
            task.await;
            drop(guard);
        });
    }

    /// A task that may end at any time: a connection, a download. Its panic ends it alone.
    pub fn spawn_job(&self, job: impl Future<Output = ()> + Send + 'static) {
        self.jobs.spawn(job);
    }

    /// Makes the shutdown wait for the holder, for work that somebody else spawned.
    pub fn hold(&self) -> TaskTrackerToken {
        self.jobs.token()
    }

    /// Cancelled when the process begins to stop.
    #[must_use]
    pub const fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// A task ended that should not have.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Returns when every task that lives as long as the process has ended. Call it after `stopping` was cancelled.
    pub async fn wait_for_services(&self) {
        self.services.close();
        self.services.wait().await;
    }

    /// Returns when every task and job has ended.
    pub async fn wait(&self) {
        self.wait_for_services().await;
        self.jobs.close();
        self.jobs.wait().await;
    }
}

struct Guard {
    name: &'static str,
    tasks: Tasks,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.tasks.is_stopping() {
            tracing::error!(task = self.name, "a task ended unexpectedly, stopping the process");
            self.tasks.failed.store(true, Ordering::SeqCst);
            self.tasks.stopping.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_early_stops_the_process() {
        let tasks = Tasks::default();
        tasks.spawn("returns", async {});
        tasks.stopping().cancelled().await;
        assert!(tasks.has_failed());
        tasks.wait().await;
    }

    #[tokio::test]
    async fn a_task_that_panics_stops_the_process() {
        let tasks = Tasks::default();
        tasks.spawn("panics", async { panic!("on purpose") });
        tasks.stopping().cancelled().await;
        assert!(tasks.has_failed());
    }

    #[tokio::test]
    async fn a_task_that_ends_because_of_the_shutdown_is_fine() {
        let tasks = Tasks::default();
        let stopping = tasks.stopping().clone();
        tasks.spawn("waits", async move { stopping.cancelled().await });
        tasks.stopping().cancel();
        tasks.wait().await;
        assert!(!tasks.has_failed());
    }

    #[tokio::test]
    async fn a_job_may_end_whenever_it_likes() {
        let tasks = Tasks::default();
        tasks.spawn_job(async {});
        tasks.wait().await;
        assert!(!tasks.is_stopping());
    }
}
