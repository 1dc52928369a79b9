"""The database itself refuses to change or remove an entry of the ledger of consent."""

from django.db import migrations

from menting.people import ledger


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]

    operations = [
        migrations.RunPython(
            lambda apps, schema_editor: ledger.guard(),
            lambda apps, schema_editor: ledger.unguard(),
        ),
    ]
