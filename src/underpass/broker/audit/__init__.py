"""The audit trail: what ran, what was decided, which calls were made; in a chain that shows changes."""

from underpass.broker.audit.chain import Chain
from underpass.broker.audit.key import audit_key
from underpass.broker.audit.reading import Filter, export, youngest
from underpass.broker.audit.trail import AuditTrail
from underpass.broker.audit.verification import Fault, Report, verify

__all__ = ["AuditTrail", "Chain", "Fault", "Filter", "Report", "audit_key", "export", "verify", "youngest"]
