//! A deserializer around another one that lets nothing be allocated by a claimed length.
//!
//! Collections grow element by element, as the elements really arrive, whatever count
//! stands before them; texts are borrowed from the input until they are known to be
//! there; and what all collections of one input take in memory is charged to a budget
//! that depends on the input's real length.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Most elements in one collection.
pub(super) const MOST_ELEMENTS: usize = 1 << 16;

/// Bytes of memory that collections may take for every byte of input. Elements that
/// are all absent options come nearest to it; no honest message needs half of it.
const MEMORY_PER_BYTE: usize = 32;

/// Bytes of memory that are granted in any case, so that short messages never come near
/// their budget.
const MEMORY_AT_LEAST: usize = 16 << 10;

/// What the collections of one input may still take, in bytes.
pub(super) struct Budget(Cell<usize>);

impl Budget {
    /// The budget of an input of that length.
    pub(super) fn for_input(length: usize) -> Self {
        Self(Cell::new(
            length
                .saturating_mul(MEMORY_PER_BYTE)
                .saturating_add(MEMORY_AT_LEAST),
        ))
    }

    fn charge<E: Error>(&self, bytes: usize) -> Result<(), E> {
        let left = self.0.get().checked_sub(bytes);
        self.0
            .set(left.ok_or_else(|| E::custom("too many small elements for its length"))?);
        Ok(())
    }
}

/// Wraps a deserializer, or anything that is met on the way down, with the budget.
pub(super) struct Frugal<'b, T> {
    inner: T,
    budget: &'b Budget,
    /// Elements left in this collection; nothing for what is no collection, such as
    /// the fields of a struct.
    room: Option<usize>,
}

impl<'b, T> Frugal<'b, T> {
    pub(super) fn new(inner: T, budget: &'b Budget) -> Self {
        Self {
            inner,
            budget,
            room: None,
        }
    }

    fn collection(inner: T, budget: &'b Budget) -> Self {
        Self {
            inner,
            budget,
            room: Some(MOST_ELEMENTS),
        }
    }

    fn charge<E: Error>(&mut self, bytes: usize) -> Result<(), E> {
        let Some(room) = &mut self.room else {
            return Ok(());
        };
        *room = room
            .checked_sub(1)
            .ok_or_else(|| E::custom("too many elements in one collection"))?;
        self.budget.charge(bytes)
    }
}

/// What carries nothing inside goes straight to the inner deserializer.
macro_rules! plain {
    ($($name:ident $(as $inner:ident)?,)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            plain!(@call self, visitor, $name $($inner)?)
        })*
    };
    (@call $this:ident, $visitor:ident, $name:ident) => { $this.inner.$name($visitor) };
    (@call $this:ident, $visitor:ident, $name:ident $inner:ident) => { $this.inner.$inner($visitor) };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Frugal<'_, D> {
    type Error = D::Error;

    plain! {
        deserialize_bool, deserialize_i8, deserialize_i16, deserialize_i32, deserialize_i64,
        deserialize_i128, deserialize_u8, deserialize_u16, deserialize_u32, deserialize_u64,
        deserialize_u128, deserialize_f32, deserialize_f64, deserialize_char, deserialize_unit,
        deserialize_str,
        // An owned text is allocated by its claimed length, a borrowed one is not.
        deserialize_string as deserialize_str,
        deserialize_bytes,
        deserialize_byte_buf as deserialize_bytes,
        deserialize_any, deserialize_identifier, deserialize_ignored_any,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner
            .deserialize_option(Frugal::new(visitor, self.budget))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner
            .deserialize_newtype_struct(name, Frugal::new(visitor, self.budget))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner
            .deserialize_seq(Frugal::collection(visitor, self.budget))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner
            .deserialize_tuple(len, Frugal::new(visitor, self.budget))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner
            .deserialize_tuple_struct(name, len, Frugal::new(visitor, self.budget))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner
            .deserialize_map(Frugal::collection(visitor, self.budget))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner
            .deserialize_struct(name, fields, Frugal::new(visitor, self.budget))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner
            .deserialize_enum(name, variants, Frugal::new(visitor, self.budget))
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Frugal<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Frugal::new(inner, self.budget))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner
            .visit_newtype_struct(Frugal::new(inner, self.budget))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Frugal {
            inner,
            budget: self.budget,
            room: self.room,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Frugal {
            inner,
            budget: self.budget,
            room: self.room,
        })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Frugal::new(inner, self.budget))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Frugal<'_, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        let next = self
            .inner
            .next_element_seed(Frugal::new(seed, self.budget))?;
        if next.is_some() {
            self.charge(size_of::<T::Value>())?;
        }
        Ok(next)
    }

    /// Nothing, for a collection: its count is a claim, and must reserve no memory.
    fn size_hint(&self) -> Option<usize> {
        match self.room {
            Some(_) => None,
            None => self.inner.size_hint(),
        }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Frugal<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let next = self.inner.next_key_seed(Frugal::new(seed, self.budget))?;
        if next.is_some() {
            self.charge(size_of::<K::Value>())?;
        }
        Ok(next)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        let value = self.inner.next_value_seed(Frugal::new(seed, self.budget))?;
        self.budget.charge(size_of::<T::Value>())?;
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        None
    }
}

impl<'de, 'b, A: EnumAccess<'de>> EnumAccess<'de> for Frugal<'b, A> {
    type Error = A::Error;
    type Variant = Frugal<'b, A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self::Variant), A::Error> {
        let (value, variant) = self.inner.variant_seed(Frugal::new(seed, self.budget))?;
        Ok((value, Frugal::new(variant, self.budget)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Frugal<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.inner
            .newtype_variant_seed(Frugal::new(seed, self.budget))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner
            .tuple_variant(len, Frugal::new(visitor, self.budget))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner
            .struct_variant(fields, Frugal::new(visitor, self.budget))
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Frugal<'_, T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<T::Value, D::Error> {
        self.inner.deserialize(Frugal::new(inner, self.budget))
    }
}
