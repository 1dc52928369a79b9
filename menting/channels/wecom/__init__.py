"""WeCom (企业微信): customer-service accounts, and members with their customers.

One account of Menting is one of two things, named by its handle `CORPID:NAME`:

- a customer-service account (微信客服): NAME is its `open_kfid`, which begins with "wk".
  People write to it in WeChat; it may answer for 48 hours, five times, until they write
  again. This is the only chat of WeCom that runs by itself.
- a member who keeps customers (客户联系): NAME is the member's `userid`. A message to a
  customer, or a moment as the wall's post, is a task that waits for the member's tap.
"""
