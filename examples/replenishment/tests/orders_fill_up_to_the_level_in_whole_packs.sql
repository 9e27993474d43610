-- Orders that leave the level uncovered, take something back, or hold a pack more than is needed.
select
    product_id,
    store_id,
    order_on,
    order_units,
    units_to_cover,
    units_at_hand
from {{ ref('reorder_plan') }}
where
    order_units < 0
    or order_units != order_packs * pack_size
    or units_at_hand + order_units < units_to_cover - 0.0001
    or (order_packs > 0 and units_at_hand + order_units - pack_size >= units_to_cover)
