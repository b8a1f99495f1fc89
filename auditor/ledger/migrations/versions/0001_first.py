"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "auditor_clusters",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.Column("observed_at", _MOMENT),
        sa.Column("recorded_at", _MOMENT),
        sa.PrimaryKeyConstraint("name", name="pk_auditor_clusters"),
    )
    op.create_table(
        "auditor_runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("lease_until", _MOMENT),
        sa.Column("finished_at", _MOMENT),
        sa.Column("complete", sa.Boolean()),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.Column("lifecycle", sa.JSON(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_auditor_runs"),
    )
    op.create_index("ix_auditor_runs_cluster_started_at", "auditor_runs", ["cluster", "started_at"])
    op.create_index("ix_auditor_runs_state", "auditor_runs", ["state"])
    op.create_table(
        "auditor_outcomes",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_auditor_outcomes"),
        sa.ForeignKeyConstraint(["run_id"], ["auditor_runs.id"], name="fk_auditor_outcomes_run_id", ondelete="CASCADE"),
    )
    op.create_table(
        "auditor_findings",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("check", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("certainty", sa.String(), nullable=False),
        sa.Column("lifecycle", sa.String(), nullable=False),
        sa.Column("suppressed", sa.Boolean(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "fingerprint", name="pk_auditor_findings"),
        sa.ForeignKeyConstraint(["run_id"], ["auditor_runs.id"], name="fk_auditor_findings_run_id", ondelete="CASCADE"),
    )
    op.create_table(
        "auditor_lives",
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("check", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("suppressed", sa.Boolean(), nullable=False),
        sa.Column("first_seen", _MOMENT, nullable=False),
        sa.Column("last_seen", _MOMENT, nullable=False),
        sa.Column("resolved_at", _MOMENT),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("unlooked", sa.JSON(), nullable=False),
        sa.Column("finding", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("cluster", "fingerprint", name="pk_auditor_lives"),
    )
    op.create_index("ix_auditor_lives_cluster_state", "auditor_lives", ["cluster", "state"])
    op.create_table(
        "auditor_deliveries",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("fingerprints", sa.JSON(), nullable=False),
        sa.Column("gone", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("give_up_at", _MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.Column("dated_at", _MOMENT, nullable=False),
        sa.Column("lease_until", _MOMENT),
        sa.Column("finished_at", _MOMENT),
        sa.PrimaryKeyConstraint("key", name="pk_auditor_deliveries"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["auditor_runs.id"], name="fk_auditor_deliveries_run_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_auditor_deliveries_state_due_at", "auditor_deliveries", ["state", "due_at"])
    op.create_index("ix_auditor_deliveries_run_id", "auditor_deliveries", ["run_id"])
    op.create_index("ix_auditor_deliveries_channel_state", "auditor_deliveries", ["channel", "state"])
    op.create_table(
        "auditor_told",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "cluster", "fingerprint", name="pk_auditor_told"),
    )
    op.create_table(
        "auditor_pulse",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_auditor_pulse"),
    )
