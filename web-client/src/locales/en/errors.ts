import type { ErrorCode, ErrorText } from "../../lib/errors";

const NOTHING_LOST = "Nothing is lost.";
const CALL_GOES_ON = "You can still hear and speak.";

/** What happened, what is safe, what to do. */
export const errors: Record<ErrorCode, ErrorText> = {
  invalid_input: {
    title: "Something you entered needs a change",
    safe: "What you typed is still there.",
    action: "Correct the marked fields and try again.",
  },
  malformed_body: {
    title: "The server didn't understand this page",
    safe: NOTHING_LOST,
    action: "Reload the page and try again.",
  },
  unauthenticated: {
    title: "You are signed out",
    safe: "What was saved is safe.",
    action: "Sign in again to go on.",
  },
  csrf: {
    title: "This page is out of date",
    safe: "Nothing was changed.",
    action: "Reload the page and try again.",
  },
  forbidden: {
    title: "Your account can't do this",
    safe: "Nothing was changed.",
    action: "If you think it should, ask your clinic.",
  },
  reauthenticate: {
    title: "We need to know it is you",
    safe: "Nothing was changed.",
    action: "Prove it when asked, then try again.",
  },
  not_cleared: {
    title: "Your account isn't ready for this yet",
    safe: "Nothing was changed.",
    action: "Your start page says what is missing.",
  },
  second_factor_required: {
    title: "A code is needed as well",
    safe: "Your account is unchanged.",
    action: "Enter the code that your authenticator app shows.",
  },
  not_found: {
    title: "We couldn't find this",
    safe: NOTHING_LOST,
    action: "The link may be old, or it may belong to another account.",
  },
  wrong_state: {
    title: "This has moved on",
    safe: "Nothing was changed.",
    action: "Someone changed this consultation a moment ago. Look at where it stands now.",
  },
  conflict: {
    title: "Someone else was faster",
    safe: "Nothing was changed.",
    action: "Look at where it stands now, then try again if you still need to.",
  },
  body_too_large: {
    title: "That is too long to send",
    safe: "What you typed is still there.",
    action: "Shorten it and try again.",
  },
  too_many_requests: {
    title: "Too many attempts",
    safe: NOTHING_LOST,
    action: "Wait a minute, then try again.",
  },
  internal: {
    title: "Something went wrong on our side",
    safe: "What was saved is safe.",
    action: "Try again. If it happens again, tell your clinic the code below.",
  },
  unavailable: {
    title: "The server is busy or starting",
    safe: "What was saved is safe.",
    action: "Try again in a minute.",
  },
  wrong_credentials: {
    title: "Email or password is wrong",
    safe: "Your account is unchanged.",
    action: "Check both and try again.",
  },
  wrong_password: {
    title: "That password isn't right",
    safe: "Nothing was changed.",
    action: "Check it and try again.",
  },
  wrong_code: {
    title: "That code isn't right",
    safe: "Your account is unchanged.",
    action: "Codes change every 30 seconds and work once. Enter the one that your app shows now.",
  },
  link_used: {
    title: "This link no longer works",
    safe: "Your account is unchanged.",
    action: "It has been used or is too old. Ask for a new one.",
  },
  secret_used: {
    title: "This setup secret doesn't work",
    safe: "Nothing was changed.",
    action: "It works once, while there is no administrator. The server prints it when it starts for the first time.",
  },
  invite_used: {
    title: "This invitation no longer works",
    safe: "The consultation itself is not affected.",
    action: "It has been used or is older than 24 hours. Ask the doctor for a new link.",
  },
  consultation_not_active: {
    title: "This consultation isn't open",
    safe: NOTHING_LOST,
    action: "It can be joined as soon as the doctor opens it. This page will tell you.",
  },
  not_yours: {
    title: "This consultation isn't yours",
    safe: "Nobody saw you.",
    action: "Check that you opened the right link and are signed in with the right account.",
  },
  passkey_cancelled: {
    title: "No passkey was used",
    safe: "Your account is unchanged.",
    action: "The request was closed or took too long. Try again, or use your password.",
  },
  passkey_known: {
    title: "This device already has a passkey for your account",
    safe: "Your account is unchanged.",
    action: "You can sign in with it, or choose another device.",
  },
  passkey_refused: {
    title: "We don't know this passkey",
    safe: "Your account is unchanged.",
    action: "It may have been removed from your account. Sign in with your password instead.",
  },
  passkey_unsupported: {
    title: "This browser can't use passkeys",
    safe: "Your account is unchanged.",
    action: "Use your password, or a current Chrome, Edge, Firefox or Safari.",
  },
  server_unreachable: {
    title: "We can't reach the server",
    safe: "What was saved is safe.",
    action: "Check your internet connection. We keep trying.",
  },
  reconnecting: {
    title: "Connection lost. Reconnecting…",
    safe: "Your place in the call is kept.",
    action: "You don't need to do anything.",
  },
  camera_denied: {
    title: "Your browser blocks the camera",
    safe: "You can join without it.",
    action: "Allow the camera with the icon beside the address, then try again.",
  },
  camera_in_use: {
    title: "We couldn't reach your camera",
    safe: "You can join without it.",
    action: "Another program may be using it. Close that program, then try again.",
  },
  no_camera: {
    title: "No camera found",
    safe: "You can join without one.",
    action: "To be seen, plug a camera in and try again.",
  },
  microphone_denied: {
    title: "Your browser blocks the microphone",
    safe: "You can still see and hear.",
    action: "Allow the microphone with the icon beside the address, then try again.",
  },
  microphone_in_use: {
    title: "We couldn't reach your microphone",
    safe: "You can still see and hear.",
    action: "Another program may be using it. Close that program, then try again.",
  },
  no_microphone: {
    title: "No microphone found",
    safe: "You can still see and hear.",
    action: "Plug a microphone or a headset in, then try again.",
  },
  screen_share_denied: {
    title: "Your screen isn't shared",
    safe: "Nobody saw it.",
    action: "To share it, press the button again and choose a window.",
  },
  devices_unsupported: {
    title: "This browser can't use a camera or microphone here",
    safe: NOTHING_LOST,
    action: "Open the page with https in a current Chrome, Edge, Firefox or Safari.",
  },
  malformed_message: {
    title: "The server didn't understand this page",
    safe: "Your place in the call is kept.",
    action: "Reload the page to go on.",
  },
  ticket_refused: {
    title: "Your entry to the call has run out",
    safe: "Your place in the call is kept.",
    action: "Join again.",
  },
  version_mismatch: {
    title: "This page is older than the server",
    safe: "Your place in the call is kept.",
    action: "Reload the page to get the new version.",
  },
  offer_refused: {
    title: "The call couldn't be set up",
    safe: "Your place in the call is kept.",
    action: "Join again. If it happens again, try another browser.",
  },
  not_granted: {
    title: "You can't share this in this call",
    safe: CALL_GOES_ON,
    action: "Ask the doctor if you need to.",
  },
  room_full: {
    title: "The call is full",
    safe: "Your consultation is not affected.",
    action: "Someone has to leave before you can join. Try again in a moment.",
  },
  too_many_messages: {
    title: "The connection was closed for safety",
    safe: "Your place in the call is kept.",
    action: "Reload the page to go on.",
  },
  replaced: {
    title: "The call goes on in another tab",
    safe: "You are still in the call there.",
    action: "Close this tab, or bring the call back here.",
  },
  media_failed: {
    title: "Sound and picture were interrupted",
    safe: "Your place in the call is kept.",
    action: "We are connecting you again.",
  },
  media_unreachable: {
    title: "Sound and picture can't get through",
    safe: "Your place in the call is kept.",
    action: "A firewall or VPN may block them. Try another network, such as your phone's, then join again.",
  },
  server_shutting_down: {
    title: "The server is restarting",
    safe: "What was said so far is saved.",
    action: "We connect you again as soon as it is back.",
  },
  captions_unavailable: {
    title: "Captions are not available",
    safe: "The call itself works as usual.",
    action: "Nothing is written down until they are back.",
  },
  unexpected: {
    title: "Something unexpected happened",
    safe: "What was saved is safe.",
    action: "Reload the page. If it happens again, tell your clinic the code below.",
  },
};
