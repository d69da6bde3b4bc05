/** Accounts, security and administration, as docs/API-trust-draft.md promises them; docs/openapi.json does not have
 *  these routes yet. */

import type { PersonView, Role, Timestamp, UserId, UserView } from "./schema";

export interface PasswordRules {
  min_chars: number;
  upper: boolean;
  lower: boolean;
  digit: boolean;
  special: boolean;
}

export interface ProviderView {
  id: string;
  name: string;
}

export interface PolicyView {
  registration: boolean;
  password: PasswordRules;
  /** Whether the clinic sends mail at all. */
  mail: boolean;
  providers: ProviderView[];
}

export interface Registration {
  role: "patient" | "doctor";
  name: string;
  email: string;
  password: string;
  specialty: string;
}

export interface RegisteredView {
  next: "sign_in" | "verify_email";
}

export interface Bootstrap {
  secret: string;
  name: string;
  email: string;
  password: string;
}

export interface AccountView {
  user: UserView;
  email_verified: boolean;
  approved: boolean;
  has_picture: boolean;
  totp: boolean;
  passkeys: number;
  recovery_codes_left: number;
  password_changed_at: Timestamp | null;
}

export interface DeviceView {
  id: string;
  kind: "browser" | "api";
  device: string;
  address: string;
  created_at: Timestamp;
  last_seen_at: Timestamp;
  current: boolean;
}

export interface TotpView {
  secret: string;
  otpauth_url: string;
  /** An SVG document. */
  qr_svg: string;
}

export interface RecoveryCodesView {
  recovery_codes: string[];
}

export interface PasskeyView {
  id: string;
  label: string;
  created_at: Timestamp;
  last_used_at: Timestamp | null;
}

/** `options` is the JSON form of WebAuthn level 3. */
export interface PasskeyChallengeView<O> {
  challenge_id: string;
  options: O;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export type Outcome = "done" | "denied" | "failed";

/** One line of "who opened my record". */
export interface AccessView {
  at: Timestamp;
  actor: PersonView | null;
  role: Role | "";
  action: string;
  purpose: string;
  outcome: Outcome;
}

export interface NoticeView {
  id: string;
  kind: string;
  subject: string;
  created_at: Timestamp;
  seen_at: Timestamp | null;
}

export type VerificationState = "pending" | "approved" | "rejected";

export interface VerificationView {
  id: string;
  doctor: PersonView;
  specialty: string;
  state: VerificationState;
  /** Media type; empty when nothing was handed in. */
  document_type: string;
  submitted_at: Timestamp;
  decided_at: Timestamp | null;
  reason: string | null;
}

export interface PatientView {
  id: UserId;
  name: string;
  last_consultation_at: Timestamp | null;
  access: "assigned" | "break_glass";
  access_until: Timestamp | null;
  /** The caller's open emergency access. */
  break_glass: string | null;
}

export interface FoundPersonView extends PersonView {
  role: Role;
  specialty: string;
}

export type Finding = "justified" | "unjustified";

export interface BreakGlassView {
  id: string;
  user: PersonView;
  patient: PersonView;
  granted_at: Timestamp;
  expires_at: Timestamp;
  ended_at: Timestamp | null;
  reviewed_at: Timestamp | null;
  finding: Finding | null;
  reason: string | null;
}

export type UserState = "active" | "pending" | "unverified" | "deactivated" | "erased";

export interface AdminUserView {
  id: UserId;
  name: string;
  email: string;
  role: Role;
  specialty: string;
  state: UserState;
  created_at: Timestamp;
  last_seen_at: Timestamp | null;
  second_factor: boolean;
  sessions: number;
}

export interface CreatedUserView {
  user: AdminUserView;
  /** Shown this once. */
  password: string;
}

export interface AdminDashboardView {
  role: "admin";
  users: { patient: number; doctor: number; admin: number; deactivated: number };
  pending_verifications: number;
  open_break_glass: number;
  security_events: number;
  sessions: number;
}

export interface AuditView {
  seq: number;
  at: Timestamp;
  actor: string;
  actor_name: string | null;
  role: Role | "";
  action: string;
  subject: string;
  patient: string | null;
  patient_name: string | null;
  purpose: string;
  outcome: Outcome;
  address: string;
  proven: boolean;
}

export interface AuditPageView extends Page<AuditView> {
  size: number;
  checkpoint: { size: number; at: Timestamp } | null;
}

export interface AuditProofView {
  entry: unknown;
  leaf: string;
  index: number;
  size: number;
  path: string[];
  /** A C2SP signed note. */
  checkpoint: string;
}

export type Severity = "notice" | "warning" | "alarm";

export interface SecurityEventView {
  id: string;
  kind: string;
  severity: Severity;
  subject: string;
  count: number;
  first_at: Timestamp;
  last_at: Timestamp;
  acknowledged_at: Timestamp | null;
}
