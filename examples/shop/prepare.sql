-- What the owner of a database does once, so that the capture needs few rights: a role, and a publication.
-- The capture of the source `shop` names its slot and its publication gamelake_shop.

create role capture login replication;
grant usage on schema public to capture;
grant select on public.orders, public.order_items to capture;
create publication gamelake_shop for table public.orders, public.order_items;
