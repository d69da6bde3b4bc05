import { access } from "./access";
import { account } from "./account";
import { admin } from "./admin";
import { audit } from "./audit";
import { call } from "./call";
import { consultation } from "./consultation";
import { errors } from "./errors";
import { frame } from "./frame";
import { session } from "./session";
import { settings } from "./settings";
import { trail } from "./trail";
import { ui } from "./ui";

export const en = { ui, frame, session, account, settings, consultation, call, access, audit, trail, admin, errors };
