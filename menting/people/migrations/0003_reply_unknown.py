"""Unknown replies are looked for four times a second: by an index of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0002_ledger_guards")]

    operations = [
        migrations.AddIndex(
            model_name="reply",
            index=models.Index(
                condition=models.Q(("state", "unknown")),
                fields=["account", "id"],
                name="reply_unknown",
            ),
        ),
    ]
