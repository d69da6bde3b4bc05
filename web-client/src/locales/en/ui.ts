/** Words of the building blocks. */
export const ui = {
  close: "Close",
  cancel: "Cancel",
  retry: "Try again",
  notification: "Notification",
  notifications: "Notifications",
  errorCode: (code: string) => `Code: ${code}`,
  loading: "Loading…",
  copy: "Copy",
  copied: "Copied",
};
