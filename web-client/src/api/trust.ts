/** Accounts, security and administration, as docs/API.md describes them. */

import type { PersonView, Role, Timestamp, UserId } from "./schema";

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
