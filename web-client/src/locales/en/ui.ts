/** Words of the building blocks. */
export const ui = {
  close: "Close",
  retry: "Try again",
  notification: "Notification",
  notifications: "Notifications",
  errorCode: (code: string) => `Code: ${code}`,
  loading: "Loading…",
  underAMinute: "less than a minute",
  more: "Show more",
  stale: "We can't reach the server. What you see may be out of date; we keep trying.",
};
