// Generated from docs/openapi.json by `make gen`; do not edit.

export type AccessPageView = {
  /** Newest first. */
  items: AccessView[];
  /** `null` on the last page. */
  next: string | null;
};

export type AccessView = {
  action: string;
  actor: PersonView | null;
  at: Timestamp;
  outcome: Outcome;
  purpose: string;
  role: string;
};

/** Where an account stands; the first that applies, from the last. */
export type AccountState = "active" | "pending" | "unverified" | "deactivated" | "erased";

export type AccountView = {
  /** A doctor whom the clinic has verified; everyone else needs no approval. */
  approved: boolean;
  email_verified: boolean;
  /** Whoever comes by another provider alone has none. */
  has_password: boolean;
  has_picture: boolean;
  passkeys: number;
  password_changed_at: Timestamp | null;
  recovery_codes_left: number;
  totp: boolean;
  user: UserView;
};

/** `POST /api/v1/account/passkeys` */
export type AddPasskey = {
  challenge_id: string;
  /** `RegistrationResponseJSON` of WebAuthn level 3. */
  credential: Record<string, unknown>;
  /** What its person calls it, 1 to 60 characters. */
  label: string;
};

export type AdminDashboardView = {
  /** Emergency accesses that nobody has reviewed. */
  open_break_glass: number;
  pending_verifications: number;
  /** That no administrator has seen. */
  security_events: number;
  sessions: number;
  unread_notices: number;
  users: UserCountsView;
};

export type AdminUserPageView = {
  /** Newest first. */
  items: AdminUserView[];
  /** `null` on the last page. A page may be short although more follow. */
  next: string | null;
};

export type AdminUserView = {
  created_at: Timestamp;
  email: string;
  id: UserId;
  last_seen_at: Timestamp | null;
  name: string;
  role: Role;
  /** Whether one is enrolled. */
  second_factor: boolean;
  sessions: number;
  specialty: string;
  state: AccountState;
};

/** `POST /api/v1/password-reset` */
export type AskReset = {
  email: string;
};

/** `POST /api/v1/admin/consultations/{id}/assign` */
export type AssignDoctor = {
  /** A verified doctor of the clinic. */
  doctor_id: string;
};

export type AuditPageView = {
  checkpoint: CheckpointView | null;
  /** Newest first. */
  items: AuditView[];
  /** `null` on the last page. */
  next: string | null;
  /** Entries of the whole log. */
  size: number;
};

/** An inclusion proof (RFC 9162 §2.1.3), to be read by programs of other people too. */
export type AuditProofView = {
  /** C2SP signed note. */
  checkpoint: string;
  entry: LogEntry;
  /** From 0. */
  index: number;
  /** Hash of the entry in hexadecimal, as the others. */
  leaf: string;
  /** From the leaf up. */
  path: string[];
  /** Entries that the checkpoint covers. */
  size: number;
};

export type AuditView = {
  action: string;
  /** `usr_…`, `anonymous` or `server`. */
  actor: string;
  actor_name: string | null;
  address: string;
  at: Timestamp;
  outcome: Outcome;
  /** Whose data it was. */
  patient: string | null;
  patient_name: string | null;
  /** Whether a signed checkpoint covers it. */
  proven: boolean;
  /** A code of HL7 v3 `PurposeOfUse`. */
  purpose: string;
  /** Empty for the server, and for nobody who has proved who they are. */
  role: string;
  seq: number;
  subject: string;
};

/** Whether a doctor takes requests now. */
export type Availability = "online" | "busy" | "offline";

/** `POST /api/v1/bootstrap` */
export type Bootstrap = {
  email: string;
  name: string;
  password: string;
  /** Printed by the server; works once. */
  secret: string;
};

/** Emergency access to one patient's record. */
export type BreakGlassId = string;

export type BreakGlassView = {
  ended_at: Timestamp | null;
  expires_at: Timestamp;
  finding: Finding | null;
  granted_at: Timestamp;
  id: BreakGlassId;
  patient: PersonView;
  /** `null` when the patient was erased. */
  reason: string | null;
  reviewed_at: Timestamp | null;
  user: PersonView;
};

/** What the caption service can do right now. */
export type CaptionService = {
  demonstration: boolean;
  model: string;
  state: "ready";
} | {
  state: "unavailable";
  why: string;
};

/** `PUT /api/v1/account` */
export type ChangeAccount = {
  /** 1 to 80 characters. */
  name: string;
  /** A doctor's field, 1 to 60 characters; empty for everyone else. */
  specialty: string;
};

/** `POST /api/v1/session/password` */
export type ChangePassword = {
  challenge: string;
  /** The new one. */
  password: string;
};

/** `PUT /api/v1/admin/users/{id}` */
export type ChangeUser = {
  /** 1 to 80 characters. */
  name: string;
  role: Role;
  /** A doctor's field, at most 60 characters; empty for everyone else. */
  specialty: string;
};

export type CheckpointView = {
  at: Timestamp;
  /** Entries that it covers. */
  size: number;
};

export type CodeMethod = "totp" | "recovery";

/** `POST /api/v1/session/confirm`: one of them, or more. */
export type Confirm = {
  /** Of the authenticator, or a recovery code. */
  code?: string | null;
  passkey?: PasskeySignIn | null;
  password?: string | null;
};

/** `POST /api/v1/account/totp/confirm` */
export type ConfirmTotp = {
  /** What the app shows now. */
  code: string;
};

/** One consultation; its media room has the same UUID. */
export type ConsultationId = string;

/** Names of the states: in the database, on the wire, in messages. */
export type ConsultationState = "requested" | "accepted" | "active" | "completed" | "cancelled";

export type ConsultationView = {
  accepted_at: Timestamp | null;
  doctor: PersonView | null;
  ended_at: Timestamp | null;
  id: ConsultationId;
  /** The caller's own `par_…` in this consultation; `null` for a doctor who only sees it in the queue. */
  participant_id: string | null;
  patient: PersonView;
  /** Empty when the caller may not read it. */
  reason: string;
  requested_at: Timestamp;
  specialty: string;
  started_at: Timestamp | null;
  state: ConsultationState;
};

/** `POST /api/v1/consultations/{id}/invites` */
export type CreateInvite = {
  /** The guest's part in the call ("Interpreter"), 1 to 60 characters. */
  label: string;
};

/** `POST /api/v1/admin/users` */
export type CreateUser = {
  email: string;
  /** 1 to 80 characters. */
  name: string;
  role: Role;
  /** A doctor's field, at most 60 characters; empty for everyone else. */
  specialty: string;
};

export type CreatedUserView = {
  /** Shown this once; must be changed at the first sign-in. */
  password: string;
  user: AdminUserView;
};

export type CurrentTokenView = {
  /** Seconds since the Unix epoch. */
  exp: number;
  role: Role;
  sub: UserId;
};

export type DashboardView = PatientDashboardView & {
  role: "patient";
} | DoctorDashboardView & {
  role: "doctor";
} | AdminDashboardView & {
  role: "admin";
};

/** `POST /api/v1/admin/verifications/{id}/approve` and `…/reject` */
export type DecideVerification = {
  /** 3 to 500 characters; the doctor reads it. */
  reason: string;
};

export type DepartureView = {
  /** At the provider: lead the page there. It comes back to `/settings/security`. */
  address: string;
};

export type DeviceView = {
  address: string;
  created_at: Timestamp;
  /** The one that asks. */
  current: boolean;
  /** "Firefox on Linux", or what an API client calls itself. */
  device: string;
  id: SessionId;
  kind: SessionKind;
  last_seen_at: Timestamp;
};

export type DoctorDashboardView = {
  active: ConsultationId | null;
  approval: VerificationState | null;
  patients: number;
  /** Consultations that wait for a doctor; 0 until the clinic has verified this one. */
  queue: number;
  unread_notices: number;
};

export type DoctorView = {
  availability: Availability;
  id: UserId;
  name: string;
  specialty: string;
};

/** `POST /api/v1/account/erase` */
export type EraseAccount = {
  /** The person's own e-mail address, typed. */
  confirm: string;
};

export type ErrorBody = {
  error: ErrorView;
};

/** Why a request was refused; `docs/API.md` has the HTTP status of each. */
export type ErrorCode = "invalid_input" | "malformed_body" | "unauthenticated" | "second_factor_required" | "csrf" | "forbidden" | "reauthenticate" | "not_cleared" | "not_found" | "wrong_state" | "conflict" | "body_too_large" | "too_many_requests" | "internal" | "unavailable";

export type ErrorView = {
  code: ErrorCode;
  /** With `invalid_input`: what is wrong, by field name. */
  fields?: Record<string, string>;
  /** A sentence for a person. */
  message: string;
  request_id: string;
};

export type ExportView = {
  account: ExportedAccountView;
  /** The person's own ones in full; a doctor's without what belongs to the patient. */
  consultations: ExportedConsultationView[];
  devices: ExportedDeviceView[];
  exported_at: Timestamp;
  notices: ExportedNoticeView[];
  passkeys: ExportedPasskeyView[];
  /** What the person did, and what others did with the person's data. */
  trail: ExportedActView[];
  /** What a doctor handed in to be verified, the last one first. */
  verifications: ExportedVerificationView[];
};

export type ExportedAccountView = {
  approved_at: Timestamp | null;
  created_at: Timestamp;
  email_verified_at: Timestamp | null;
  /** The profile picture: a JPEG file in base 64. */
  picture: string | null;
  user: UserView;
};

export type ExportedActView = {
  action: string;
  /** `usr_…`, `anonymous` or `server`. */
  actor: string;
  at: Timestamp;
  outcome: Outcome;
  purpose: string;
  role: string;
  subject: string;
};

export type ExportedConsultationView = {
  accepted_at: Timestamp | null;
  doctor: UserId | null;
  /** Empty unless the person is its patient. */
  doctor_name: string;
  ended_at: Timestamp | null;
  id: ConsultationId;
  patient: UserId;
  /** Empty unless the person is its patient. */
  reason: string;
  requested_at: Timestamp;
  specialty: string;
  started_at: Timestamp | null;
  state: ConsultationState;
  /** Empty unless the person is its patient. */
  transcript: TranscriptEntryView[];
};

export type ExportedDeviceView = {
  address: string;
  created_at: Timestamp;
  device: string;
  id: SessionId;
  kind: SessionKind;
  last_seen_at: Timestamp;
};

export type ExportedNoticeView = {
  created_at: Timestamp;
  id: NoticeId;
  kind: string;
  seen_at: Timestamp | null;
  subject: string;
};

export type ExportedPasskeyView = {
  created_at: Timestamp;
  label: string;
  last_used_at: Timestamp | null;
};

export type ExportedVerificationView = {
  decided_at: Timestamp | null;
  /** Base64 (RFC 4648 section 4). */
  document: string;
  document_type: string;
  id: VerificationId;
  reason: string | null;
  state: VerificationState;
  submitted_at: Timestamp;
};

/** What a reviewer says of it. */
export type Finding = "justified" | "unjustified";

export type FoundPersonView = {
  id: UserId;
  name: string;
  role: Role;
  specialty: string;
};

export type GuestSessionView = {
  consultation_id: ConsultationId;
  session: SessionView;
};

/** `POST /api/v1/session/guest` */
export type GuestSignIn = {
  /** How the others see the guest. */
  name: string;
  /** From the fragment of the invitation's address; works once. */
  secret: string;
};

/** An `RTCIceServer` of the browser. */
export type IceServerView = {
  credential: string;
  urls: string[];
  username: string;
};

/** A one-time invitation of a guest to one consultation. */
export type InviteId = string;

export type InviteView = {
  id: InviteId;
  /** Shown this once; the server keeps its hash. */
  secret: string;
  /** `<origin>/guest#<secret>` */
  url: string;
};

/** `POST /api/v1/tokens` */
export type IssueTokens = {
  /** Of the authenticator app, or a recovery code, where the account has a second factor. */
  code?: string | null;
  email: string;
  password: string;
};

export type LinkedProviderView = {
  id: string;
  linked_at: Timestamp;
  name: string;
};

/** An entry as it is stored: the texts themselves, so that even one that no version of Auscult has written is hashed. */
export type LogEntry = {
  action: string;
  /** `usr_…`, `anonymous` or `server`. */
  actor: string;
  address: string;
  /** Milliseconds since the Unix epoch. */
  at: number;
  outcome: string;
  patient: string;
  purpose: string;
  role: string;
  /** From 1, without gaps. */
  seq: number;
  subject: string;
  tenant: string;
};

/** What somebody who has signed in has to do before they can work with consultations. */
export type Must = "verify_email" | "await_approval" | "enrol_second_factor";

/** What to do after making an account. */
export type NextStep = "sign_in" | "verify_email";

export type NoticeId = string;

export type NoticeView = {
  created_at: Timestamp;
  id: NoticeId;
  /** What happened: `break_glass_opened`, `verification_approved`, … */
  kind: string;
  seen_at: Timestamp | null;
  /** Id of what it is about. */
  subject: string;
};

/** `POST /api/v1/patients/{id}/break-glass` */
export type OpenBreakGlass = {
  /** 10 to 500 characters; whoever reviews it reads it. */
  reason: string;
};

/** How it ended. */
export type Outcome = "done" | "denied" | "failed";

/** How someone takes part. */
export type ParticipantKind = "doctor" | "patient" | "guest";

export type PasskeyChallengeView = {
  /** Comes back with the answer, within 5 minutes and once. */
  challenge_id: string;
  /** `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON` of WebAuthn level 3. */
  options: Record<string, unknown>;
};

export type PasskeyId = string;

/** `POST /api/v1/session/passkey`, and within `POST /api/v1/session/confirm` */
export type PasskeySignIn = {
  challenge_id: string;
  /** `AuthenticationResponseJSON` of WebAuthn level 3. */
  credential: Record<string, unknown>;
};

export type PasskeyView = {
  created_at: Timestamp;
  id: PasskeyId;
  label: string;
  last_used_at: Timestamp | null;
};

export type PasswordRulesView = {
  digit: boolean;
  lower: boolean;
  min_chars: number;
  special: boolean;
  upper: boolean;
};

/** Why a patient's record is open. */
export type PatientAccess = "assigned" | "break_glass";

export type PatientDashboardView = {
  open_consultation: ConsultationId | null;
  /** Newest first, at most 5. */
  recent: ConsultationView[];
  unread_notices: number;
};

export type PatientRecordView = PatientView & {
  /** The caller's own ones, in an emergency all; newest first, at most 100. */
  consultations: ConsultationView[];
};

export type PatientView = {
  access: PatientAccess;
  access_until: Timestamp | null;
  break_glass: BreakGlassId | null;
  id: UserId;
  last_consultation_at: Timestamp | null;
  name: string;
};

export type PersonView = {
  id: UserId;
  name: string;
};

export type PolicyView = {
  /** Whether the clinic sends mail at all. */
  mail: boolean;
  password: PasswordRulesView;
  providers: ProviderView[];
  registration: boolean;
};

/** Somebody's account at another provider, as a way in. */
export type ProviderView = {
  id: string;
  name: string;
};

/** Shown this once; each works once. */
export type RecoveryCodesView = {
  recovery_codes: string[];
};

/** `POST /api/v1/tokens/refresh` */
export type RefreshTokens = {
  refresh_token: string;
};

/** `POST /api/v1/registrations` */
export type Register = {
  email: string;
  /** 1 to 80 characters. */
  name: string;
  password: string;
  role: Role;
  /** A doctor's field; empty for a patient. */
  specialty: string;
};

export type RegisteredView = {
  next: NextStep;
};

/** `POST /api/v1/consultations` */
export type RequestConsultation = {
  /** 3 to 2000 characters. */
  reason: string;
  /** The doctor's field asked for; empty for any. */
  specialty: string;
};

/** `POST /api/v1/password-reset/confirm` */
export type ResetPassword = {
  /** The new one. */
  password: string;
  /** From the fragment of the address in the mail; works once. */
  token: string;
};

/** `POST /api/v1/admin/break-glass/{id}/review` */
export type ReviewBreakGlass = {
  finding: Finding;
};

/** What somebody is to this clinic; decides what they may do (`access.rs`). */
export type Role = "patient" | "doctor" | "admin" | "guest";

/** What was proved besides the password. */
export type SecondFactor = "none" | "totp" | "passkey" | "recovery" | "oidc";

/** `POST /api/v1/session/second-step` */
export type SecondStep = {
  challenge: string;
  code: string;
  method: CodeMethod;
};

export type SecondStepView = {
  /** Good for the next step only, for 5 minutes. */
  challenge: string;
  methods: StepMethod[];
};

export type SecurityEventId = string;

export type SecurityEventView = {
  acknowledged_at: Timestamp | null;
  count: number;
  first_at: Timestamp;
  id: SecurityEventId;
  /**
   * `brute_force`, `lockout`, `role_probing`, `mass_reads`, `off_hours_break_glass`, `token_reuse` or
   * `checkpoint_mismatch`.
   */
  kind: string;
  last_at: Timestamp;
  severity: Severity;
  /** `usr_…` or an address. */
  subject: string;
};

/** One sign-in of one browser. */
export type SessionId = string;

/** Who holds a session. */
export type SessionKind = "browser" | "api";

export type SessionView = {
  confirmed_until: Timestamp | null;
  /** Send it back as `X-CSRF-Token` with everything that changes something. */
  csrf_token: string;
  /** What stands between the person and work with consultations, first things first. */
  must: Must[];
  second_factor: SecondFactor;
  user: UserView;
};

/** `PUT /api/v1/availability` */
export type SetAvailability = {
  availability: Availability;
};

/** `PUT /api/v1/account/password` */
export type SetPassword = {
  current: string;
  new: string;
};

/** How soon somebody should look. */
export type Severity = "notice" | "warning" | "alarm";

/** `POST /api/v1/session` */
export type SignIn = {
  email: string;
  password: string;
};

export type StatusView = {
  captions: CaptionService;
  version: string;
};

/** How to go on after a right password. */
export type StepMethod = "totp" | "recovery" | "passkey" | "new_password";

export type TicketView = {
  expires_in_s: number;
  ice_servers: IceServerView[];
  /** For `authenticate` on the signalling socket; works once. */
  ticket: string;
};

/** Milliseconds since the Unix epoch, UTC. */
export type Timestamp = number;

/** Secrets, so it is not `Debug`. */
export type TokensView = {
  access_token: string;
  expires_in_s: number;
  /** Works once, for the next pair. */
  refresh_token: string;
  /** `Bearer` */
  token_type: string;
};

/** Shown this once. Holds a secret, so it is not `Debug`. */
export type TotpView = {
  otpauth_url: string;
  /** The same as a QR code: an SVG document. */
  qr_svg: string;
  /** Base 32, to be typed where nothing can be scanned. */
  secret: string;
};

/** What is kept of one utterance. */
export type TranscriptEntryState = "final" | "gap";

export type TranscriptEntryView = {
  end_ms: number;
  kind: ParticipantKind;
  /** Name of the person who spoke. */
  speaker: string;
  /** Milliseconds since the consultation started. */
  start_ms: number;
  state: TranscriptEntryState;
  text: string;
};

export type TranscriptView = {
  consultation: ConsultationView;
  /** Made (at least partly) by the bundled demonstration model: say so on screen. */
  demonstration: boolean;
  /** By start. */
  entries: TranscriptEntryView[];
  /** Name of the model that heard it; empty when nothing was transcribed. */
  model: string;
};

/** Who can sign in, by role, and who could. */
export type UserCountsView = {
  admin: number;
  deactivated: number;
  doctor: number;
  patient: number;
};

export type UserId = string;

export type UserView = {
  availability: Availability;
  /** Empty for guests. */
  email: string;
  id: UserId;
  name: string;
  role: Role;
  specialty: string;
};

/** A doctor's application to be verified. */
export type VerificationId = string;

export type VerificationState = "pending" | "approved" | "rejected";

export type VerificationView = {
  decided_at: Timestamp | null;
  doctor: PersonView;
  /** `application/pdf`, `image/png` or `image/jpeg`. */
  document_type: string;
  id: VerificationId;
  /** Why it was decided so. */
  reason: string | null;
  specialty: string;
  state: VerificationState;
  submitted_at: Timestamp;
};

/** `POST /api/v1/email-verification` */
export type VerifyEmail = {
  /** From the fragment of the address in the mail; works once. */
  token: string;
};
