import django.db.models.deletion
from django.db import migrations, models


def name_hosts(apps, schema_editor):
    """Fill in the hosts of accounts that are there: all of them are of Matrix."""
    accounts = apps.get_model("accounts", "Account")
    for row in accounts.objects.filter(channel="matrix").only("id", "options"):
        row.host = str(row.options.get("homeserver", ""))[:255]
        row.save(update_fields=["host"])


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Bond",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("name", models.CharField(max_length=320, unique=True)),
                ("tat", models.BigIntegerField(default=0)),
                ("interval", models.BigIntegerField(default=0)),
                ("burst", models.PositiveIntegerField(default=1)),
                ("one_holder", models.BooleanField(default=False)),
            ],
        ),
        migrations.AddField(
            model_name="account",
            name="caps",
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name="account",
            name="flapping_since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="account",
            name="flaps",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="account",
            name="host",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name="account",
            name="nudged_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="account",
            name="resting_since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="account",
            name="rests",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="account",
            name="bond",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="accounts",
                to="accounts.bond",
            ),
        ),
        migrations.RunPython(name_hosts, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(("removed_at", None), ("wanted_online", True)),
                fields=["lease_by"],
                name="account_held",
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(("nudged_at__isnull", False)),
                fields=["lease_by"],
                name="account_nudged",
            ),
        ),
    ]
